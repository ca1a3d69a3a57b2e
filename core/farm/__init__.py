"""Jobs for render farms: bundles of the Open Job Description (docs/farm.md)."""
