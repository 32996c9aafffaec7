"""Words that made-up customers are put together from, the most common first."""

from importlib.resources import files
from typing import Final

__all__ = [
    "CITIES",
    "FIRST_NAMES",
    "INDUSTRIES",
    "JOB_TITLES",
    "LAST_NAMES",
    "LEGAL_FORMS",
    "MAIL_PROVIDERS",
    "SOURCES",
    "STAGES",
    "TOPICS",
    "TRADES",
]


def _words(title: str) -> tuple[str, ...]:
    """The paragraph of ``names.txt`` that begins with this title."""
    text = files("evaluation").joinpath("data/names.txt").read_text("utf-8")
    paragraphs = [paragraph.partition(":\n") for paragraph in text.split("\n\n")]
    return tuple({name: words for name, _, words in paragraphs}[title].split())


FIRST_NAMES: Final = _words("first_names")
LAST_NAMES: Final = _words("last_names")
JOB_TITLES: Final = (
    "Manager", "Software engineer", "Sales representative", "Account manager",
    "Director", "Consultant", "Project manager", "Office manager", "Owner",
    "Chief executive officer", "Marketing manager", "Head of sales", "Analyst",
    "Purchasing agent", "Assistant", "Product manager", "Head of marketing",
    "Chief technology officer", "Head of operations", "Controller", "Engineer",
    "Chief financial officer", "Human resources manager", "IT administrator",
    "Head of procurement", "Research scientist", "Nurse", "Teacher", "Architect",
    "Head of research", "Lawyer", "Designer", "Founder", "Vice president of sales",
    "Data scientist", "Store manager", "Logistics coordinator", "Plant manager",
    "Compliance officer", "Geschäftsführerin", "Directrice générale", "Ingénieur",
)  # fmt: skip
INDUSTRIES: Final = (
    "Software", "Retail", "Manufacturing", "Health care", "Professional services",
    "Construction", "Financial services", "Education", "Logistics", "Hospitality",
    "Real estate", "Media", "Energy", "Agriculture", "Telecommunications", "Insurance",
    "Non-profit", "Public sector", "Biotechnology", "Aerospace",
)  # fmt: skip
TRADES: Final = _words("trades")
LEGAL_FORMS: Final = ("Ltd", "GmbH", "Inc.", "SA", "LLC", "AG", "BV", "AB", "Srl", "")
MAIL_PROVIDERS: Final = (
    "mail.example", "post.example", "inbox.example", "web.example", "office.example",
)  # fmt: skip
CITIES: Final = (
    ("London", "GB"), ("Berlin", "DE"), ("Paris", "FR"), ("New York", "US"),
    ("Madrid", "ES"), ("München", "DE"), ("Chicago", "US"), ("Milano", "IT"),
    ("Wien", "AT"), ("Zürich", "CH"), ("Warszawa", "PL"), ("Praha", "CZ"),
    ("København", "DK"), ("Stockholm", "SE"), ("São Paulo", "BR"), ("Toronto", "CA"),
    ("Sydney", "AU"), ("Mumbai", "IN"), ("東京", "JP"), ("Lagos", "NG"),
)  # fmt: skip
# With how many of a thousand customers have it.
SOURCES: Final = {
    "website": 340, "import": 210, "event": 110, "referral": 90, "newsletter": 80,
    "partner": 40, "cold_call": 25, "app_store": 4, "fair_2019": 1,
}  # fmt: skip
STAGES: Final = {
    "subscriber": 300, "lead": 280, "marketing_qualified_lead": 100,
    "sales_qualified_lead": 50, "opportunity": 30, "customer": 200, "evangelist": 10,
    "other": 30,
}  # fmt: skip
TOPICS: Final = (
    "newsletter", "webinar", "vip", "trial", "churned", "renewal", "beta", "press",
    "reseller", "student", "demo", "pricing", "support", "upsell", "invoice", "fair",
    "survey", "board", "legacy", "blocked",
)  # fmt: skip
