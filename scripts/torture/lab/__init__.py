"""What all campaigns share: running `xp` under limits, folders, tables, system calls, the record."""
