"""The worker: takes accepted uploads from the queue, decodes them in isolation and stores the images."""
