"""The methods that the paper compares with, written from their papers: pSp, E2Style, PULSE."""
