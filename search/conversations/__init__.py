"""Questions with their answers, kept, shown, gone on with and shared."""
