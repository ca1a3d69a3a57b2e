"""The process that holds torch: takes requests, answers them."""
