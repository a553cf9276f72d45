"""What accountants ask of the books for a range of days; queries only, no word of any language."""
