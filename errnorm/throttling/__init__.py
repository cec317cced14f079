"""What keeps a vendor's limits: the law, once in this process's memory and once as a script in Redis."""
