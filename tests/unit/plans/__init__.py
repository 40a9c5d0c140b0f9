"""How decisions are tested: plain data in, a plan out."""
