"""Everything that proves Tagship works, and the parts it is proven on."""
