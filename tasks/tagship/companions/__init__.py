"""What goes beside a deploy at the app's wish: its own hooks, and notifications to people."""
