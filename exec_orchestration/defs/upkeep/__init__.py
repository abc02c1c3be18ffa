"""What keeps a warehouse and an instance in order: purging what is old, hashing persons, erasing one."""
