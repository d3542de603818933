"""How a card comes in through a web page: the frame, who may embed it, and its policy."""
