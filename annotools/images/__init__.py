"""Image files: headers, EXIF orientation, and pixels where they have to be decoded."""
