"""A spec becomes an order: everything that a process gets, looked up and refused in words before it is started."""
