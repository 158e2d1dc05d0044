"""What the managers of a knowledge base may set about its search, and what a change sets going."""
