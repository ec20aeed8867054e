"""The same networks, made of other libraries' modules and run as those libraries run them."""
