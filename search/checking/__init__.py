"""Hold the indexes against the database, and put right what differs."""
