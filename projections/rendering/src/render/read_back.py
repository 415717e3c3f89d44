"""Reads a document's files with nothing but Python's own library, and compares every amount with its JSON.

read_back.py FOLDER: document.json, document.pdf, document.ubl.xml and document.cii.xml are in it. Prints `agrees`.
"""

import json
import re
import sys
import xml.etree.ElementTree as tree
import zlib
from decimal import Decimal
from pathlib import Path

FOLDER = Path(sys.argv[1])
DOCUMENT = json.loads((FOLDER / "document.json").read_bytes())
BILL = DOCUMENT["content"]["bill"]
SIGN = -1 if DOCUMENT["kind"] == "credit_note" else 1


def local(element):
    return element.tag.split("}")[1]


def amounts(element, path):
    """The numbers at a path of local names, below `element`."""
    found = [element]
    for name in path.split("/"):
        found = [child for parent in found for child in parent if local(child) == name]
    return [Decimal(each.text) for each in found]


def compare(what, found, wanted):
    wanted = [SIGN * Decimal(each) for each in wanted]
    if found != wanted:
        sys.exit(f"{what}: {found} in XML, {wanted} in JSON")


def check(root, lines, line_amount, totals, tax):
    found = [amount for line in lines for amount in amounts(line, line_amount)]
    compare("lines", found, [line["amount"] for line in BILL["lines"]])
    sum_of_lines = sum(Decimal(line["amount"]) for line in BILL["lines"])
    summary = {"lines": sum_of_lines, "subtotal": BILL["subtotal"], "total": BILL["total"], "due": BILL["total"]}
    for name, path in totals.items():
        compare(name, amounts(root, path), [summary[name]])
    compare("tax", amounts(root, tax), [sum(Decimal(each["amount"]) for each in BILL["tax"])])


def ubl(file):
    root = tree.parse(file).getroot()
    lines = [child for child in root if local(child) in ("InvoiceLine", "CreditNoteLine")]
    total = "LegalMonetaryTotal/"
    totals = {
        "lines": total + "LineExtensionAmount",
        "subtotal": total + "TaxExclusiveAmount",
        "total": total + "TaxInclusiveAmount",
        "due": total + "PayableAmount",
    }
    check(root, lines, "LineExtensionAmount", totals, "TaxTotal/TaxAmount")


def cii(content):
    root = tree.fromstring(content)
    trade = next(child for child in root if local(child) == "SupplyChainTradeTransaction")
    lines = [child for child in trade if local(child) == "IncludedSupplyChainTradeLineItem"]
    line_amount = "SpecifiedLineTradeSettlement/SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount"
    total = "ApplicableHeaderTradeSettlement/SpecifiedTradeSettlementHeaderMonetarySummation/"
    totals = {
        "lines": total + "LineTotalAmount",
        "subtotal": total + "TaxBasisTotalAmount",
        "total": total + "GrandTotalAmount",
        "due": total + "DuePayableAmount",
    }
    check(trade, lines, line_amount, totals, total + "TaxTotalAmount")


def embedded(pdf):
    """The one file in the PDF."""
    found = re.search(rb"/Type /EmbeddedFile.*?stream\r?\n", pdf, re.DOTALL)
    return zlib.decompressobj().decompress(pdf[found.end() :])


ubl(FOLDER / "document.ubl.xml")
cii((FOLDER / "document.cii.xml").read_bytes())
if embedded((FOLDER / "document.pdf").read_bytes()) != (FOLDER / "document.cii.xml").read_bytes():
    sys.exit("the PDF has another XML in it")
print("agrees")
