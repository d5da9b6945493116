# A script without cell markers, but for the parameters.

# + tags=["parameters"]
rate = 0.1
# -

print(rate)
