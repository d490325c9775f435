"""Words that every other folder uses: money, ids, time, errors, market facts. No input, no output."""
