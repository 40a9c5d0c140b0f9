"""Fakes and builders that several kinds of tests share."""
