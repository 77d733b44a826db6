/** How to reach somebody, and what is said of them. Phones and names have files of their own, since no one pattern finds them. */
import { type PersonalKind, kind } from "../kind.ts";

const MONTH =
  "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)";

/** A house number, one to four words, what a street is called, and a flat's number. */
const ADDRESS = String.raw`\d{1,6}[A-Za-z]? (?:(?:\p{Lu}[\p{L}\p{M}.'’-]{0,30}|\d{1,3}(?:st|nd|rd|th)) ){1,4}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Square|Sq|Terrace|Way|Highway|Hwy|Parkway|Close|Crescent|Mews)\b\.?(?:,? (?:Apt|Suite|Unit|Flat|#)\.? ?\d{1,5})?`;

export const PEOPLE: readonly PersonalKind[] = [
  kind(
    "contact",
    "EMAIL_ADDRESS",
    String.raw`[\p{L}\p{N}_](?:[\p{L}\p{N}.!#$%&'*+/=?^_{|}~-]{0,62}[\p{L}\p{N}_+-])?@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,8}\p{L}{2,24}`,
    {
      check: (text) => !text.startsWith("git@"), // a remote, no mailbox
      alone: true,
      context: ["email", "e-mail", "mail"],
    },
  ),
  kind(
    "person",
    "AGE",
    String.raw`(?:1[01]\d|[1-9]?\d)(?=\s?(?:y/o|yo|years? old|year-old|years of age|-year-old)(?!\w))`,
    { alone: true },
  ),
  kind(
    "person",
    "AGE",
    String.raw`(?<=\b(?:aged|age:|age is|age of|(?:just|recently|has|have) turned|(?:[Ii]|[Hh]e|[Ss]he|[Tt]hey)(?:'|’)?ll turn)\s)(?:1[01]\d|[1-9]\d)`,
    { alone: true },
  ),
  kind(
    "person",
    "DATE_TIME",
    String.raw`(?:19|20)\d{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?`,
    { alone: true },
  ),
  kind(
    "person",
    "DATE_TIME",
    String.raw`(?:0?[1-9]|[12]\d|3[01])[./](?:0?[1-9]|[12]\d|3[01])[./](?:19|20)\d{2}`,
    { alone: true },
  ),
  kind(
    "person",
    "DATE_TIME",
    String.raw`(?:${MONTH}\.? (?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?,? (?:19|20)\d{2}|(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)? ${MONTH}\.?,? (?:19|20)\d{2})`,
    { alone: true },
  ),
  kind(
    "person",
    "DATE_TIME",
    String.raw`(?<=\b(?:born|died|founded|established|built|released)(?: \w{1,12})? in )(?:1[89]|20)\d{2}`,
    { alone: true },
  ),
  kind("person", "STREET_ADDRESS", ADDRESS, { alone: true }),
  kind(
    "person",
    "STREET_ADDRESS",
    String.raw`(?:P\.? ?O\.? Box|PO Box|PSC|Unit) \d{1,6}(?:,? Box \d{1,6})?`,
    { alone: true },
  ),
  kind(
    "person",
    "ORGANIZATION",
    String.raw`(?!The )(?:\p{Lu}[\p{L}\p{N}&'-]{1,30},? ){1,4}(?:Inc|Ltd|LLC|LLP|GmbH|AG|Corp|PLC|S\.A|B\.V|Pty Ltd|Co)(?:\.|(?!\w))`,
    { alone: true },
  ),
  kind("person", "TITLE", String.raw`(?:Mrs?|Ms|Dr|Prof)\.?(?= \p{Lu})`, { alone: true }),
  kind(
    "person",
    "ZIP_CODE",
    String.raw`(?:\d{3}[ -]\d{2,3}|\d{2}-\d{3}|\d{3,7}(?:-\d{3,4})?|[A-Z]\d[A-Z] ?\d[A-Z]\d)`,
    {
      context: [
        "zip",
        "zip code",
        "zipcode",
        "postal code",
        "postcode",
        "plz",
        "postleitzahl",
        "code postal",
        "codigo postal",
        "cap",
      ],
    },
  ),
  kind(
    "person",
    "UK_POSTCODE",
    String.raw`(?:GIR ?0AA|[A-PR-UWYZ](?:\d[\dA-HJKPS-UW]?|[A-HK-Y]\d[\dABEHMNPRV-Y]?) ?\d[ABD-HJLNP-UW-Z]{2})`,
    { country: "GB", context: ["postcode", "post code", "address", "uk", "united kingdom", "england"] },
  ),
  kind(
    "person",
    "DATE_OF_BIRTH",
    String.raw`(?:\d{1,2}[./-]\d{1,2}[./-](?:19|20)?\d{2}|(?:19|20)\d{2}[./-]\d{1,2}[./-]\d{1,2})`,
    {
      context: ["dob", "d.o.b", "birthdate"],
    },
  ),
];
