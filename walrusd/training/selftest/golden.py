"""Golden hashes of the operations of ``selftest.py``. The tests derive them in NumPy.

They define the profiles ``exact-q20/2`` and ``exact-q8r/2``: another hash means another profile.
"""

GOLDEN: dict[str, str] = {
    "quantise": "0fb2bcf3fc0066e493454557ed1fc3f4d525ec5da5d84d95aa3a292f9ca3340d",
    "mm": "e9133e5fb82ecbe4e3d9d1defd8b37a2ed0151fb903d2602b50d79d5866a9473",
    "mm_limit": "92215bc0175c5ba71d1f2bededc976fac5a6e6ed15759aba458b48ebefb2c31f",
    "sum_rows": "ddcb3a74d0f4b917331728af5c94a49360b6297b02b9ba3d2af0065e5be2b51b",
    "fold": "ca27e17ace276a72e6fc3c77bb10b4d56e18484768b2bf4d5d288c12010b0431",
    "exp": "e20313962c5430b26b892f65c67b835a5ea5350da06494c4a8fa9344aa61b5bc",
    "log": "a52ba263180298a21fe8c7d8c8dbd6002be24a89b1e9eb2b967ad141e0b58cec",
    "sqrt": "44b4a9bc697d383d6e57d43cd2d0d9218667042de92464ab7fb1e5892c255572",
    "divide": "a630541ef2a766edb3279465933364b5fcde344282bae4ded1d8948b05b8756b",
    "cross_entropy": "2e47ca97e4ed3fb771df197f00a85c09eeee902b08a74b450052b7a4f1cc7e85",
    "sgd": "2fbb5b25f25e8162a99bed21de25a63d052c9048c10cd58b4562385a64116483",
    "line_mm": "0eed05830c6fcf4c2b095fec1b781780546a05179e286da3c23fc8a6dc7c2a67",
    "line_mm_limit": "73054beb340e102eb7bcfae5759e8f8a2e74aac8c4d4b1b1e30d4651450f989a",
    "line_attention": "afe9e4f04190621087654d1397c0d8e6b4f8450540968903827a173aecedf6bb",
}
