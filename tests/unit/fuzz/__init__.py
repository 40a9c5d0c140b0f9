"""Wrong input at random: whatever comes, Tagship takes it or raises one of its own errors."""
