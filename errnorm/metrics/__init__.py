"""What is measured of what happens, under which names, and with labels that strangers cannot make many of."""
