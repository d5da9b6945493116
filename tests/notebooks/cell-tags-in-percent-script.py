# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A script of cells

# %% tags=["parameters"]
lr = 1

# %% tags=["loss"]
print(lr)
