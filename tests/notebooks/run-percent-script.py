# %% [markdown]
# # A script in cells

# %% tags=["parameters"]
rate = 0.1

# %% tags=["shown"]
print(rate)
