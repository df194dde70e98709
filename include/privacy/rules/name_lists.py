"""Lists of names, and of words that are none; see `names/` and the README for where they come from."""

from functools import cache
from pathlib import Path

from include.privacy.rules.searched import word_set

_FOLDER = Path(__file__).parent / "names"
_FEWEST_SMALL_LETTERS = 4
# People speak with them, are helped by them and thank them, but they are nobody.
_COMPANIES = word_set(
    """
    adobe airbnb aldi alexa allianz allstate amazon amex android apple asos asus at&t audible audi aws axa azure bank
    barclays bell best bing bmw boeing bosch bt canva capital capitalone chase chatgpt chrome cisco citi
    citibank comcast
    cortana costco coursera cox dell deliveroo delta deutsche dhl discord discover disney dpd dropbox duolingo
    dyson ebay
    ee equifax ericsson etsy evernote evri experian facebook fedex fidelity firefox ford fox garmin geico github gmail
    google gopro grubhub hermes honda hotpoint hp hsbc huawei hulu hyundai ibm ikea instagram intel intuit ios iphone
    jetblue jira john-lewis kia kindle king kiwix kodak lenovo lexus lg lidl linkedin linux lloyds logitech
    lowes lufthansa
    lyft macys mastercard mcafee mercedes microsoft monzo mozilla nationstar nationwide natwest navient netflix netgear
    nike nintendo nissan nokia norton nvidia o2 ocwen openai openreach oracle orange outlook ovo panasonic paramount
    paypal peloton peugeot philips pinterest playstation plusnet pnc progressive prime qantas quickbooks reddit renault
    revolut ring roblox roku royal ryanair safari sainsbury salesforce samsung sap santander sephora shell
    shopify siemens
    siri sky skype slack snapchat sonos sony spectrum spotify sprint square starbucks steam stripe subaru suntrust
    supercell synchrony t-mobile talktalk target telegram telekom tesco tesla tiktok toshiba toyota transunion trello
    tripadvisor trustpilot tumblr twitch twitter uber ubisoft ups usps vanguard venmo verizon virgin visa vodafone
    volkswagen volvo walgreens walmart wells wells-fargo western whatsapp wikipedia windows wise wix wordpress xbox xero
    xfinity xiaomi yahoo yelp youtube zara zelle zendesk zoom
    """
)

# With an apostrophe they are shops and what is bought there.
SHOPS = word_set(
    """
    wendy's macy's mcdonald's lowe's kohl's levi's denny's arby's domino's carl's joe's dillard's sainsbury's moe's
    chili's applebee's sotheby's christie's hershey's kellogg's lay's reese's papa's victoria's dick's
    """
)


@cache
def given_names() -> frozenset[str]:
    """Given names that are hardly anything else in the languages of the lists, as they are written."""
    return _read("given")


@cache
def ambiguous_given_names() -> frozenset[str]:
    """Given names that are words, places or brands too, such as Mark, Paris and Mercedes."""
    return _read("ambiguous_given")


@cache
def common_words() -> frozenset[str]:
    """Words of the languages of the samples, in small letters."""
    return _read("common_words")


@cache
def brands_and_figures() -> frozenset[str]:
    """Brands, figures and public persons that are called like persons, small, with `_` between words."""
    return frozenset(line.replace(" ", "_") for line in _read("brands_and_figures"))


@cache
def given_in_small_letters() -> frozenset[str]:
    """Given names that are known for such in small letters too, since they are no words."""
    names = frozenset(name.casefold() for name in given_names() if len(name) >= _FEWEST_SMALL_LETTERS)
    return names - common_words() - _COMPANIES


def is_in_a_list(word: str) -> bool:
    """Whether a word is a given name, be it something else as well."""
    return word in given_names() or word in ambiguous_given_names()


def may_be_a_name(word: str) -> bool:
    """Whether a word is in no list of names, but no word of a language and no company either, as far as is known."""
    plain = word.casefold()
    return plain not in _COMPANIES and common_words().isdisjoint(plain.split("-"))


def is_a_company(word: str) -> bool:
    """Whether a word is the name of a company or product that people write about."""
    return word.casefold() in _COMPANIES


@cache
def _read(name: str) -> frozenset[str]:
    lines = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))
