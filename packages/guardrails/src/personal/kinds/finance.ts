/** Cards, accounts, securities, wallets. */
import { luhn, isBic, isCard, isIban, isIsin, isLei, isRib, isRoutingNumber, stdnum } from "../checks.ts";
import { type PersonalKind, kind } from "../kind.ts";

const ACCOUNT = ["account number", "account no", "acct", "bank account", "account"];

export const FINANCE: readonly PersonalKind[] = [
  kind("finance", "CREDIT_CARD", String.raw`\d(?:[ -]?\d){11,18}`, {
    check: isCard,
    shrinks: true,
    alone: true,
    context: ["card", "credit", "debit", "visa", "mastercard", "amex", "american express", "cc", "pan"],
  }),
  // Of no network that is known here, but called a card.
  kind("finance", "CREDIT_CARD", String.raw`\d(?:[ -]?\d){11,18}`, {
    check: luhn,
    shrinks: true,
    context: [
      "card",
      "cards",
      "credit card",
      "debit card",
      "cc",
      "karte",
      "kreditkarte",
      "carte",
      "tarjeta",
      "carta",
    ],
  }),
  kind("finance", "CARD_SECURITY_CODE", String.raw`\d{3,4}`, {
    context: ["cvv", "cvc", "cvv2", "cvc2", "cid code", "security code", "card verification"],
  }),
  kind("finance", "CARD_EXPIRY", String.raw`(?:0[1-9]|1[0-2])\s?[/-]\s?(?:20)?[2-4]\d`, {
    context: ["expiry", "expires", "exp", "exp date", "expiration", "valid thru", "valid until", "good thru"],
  }),
  kind("finance", "IBAN_CODE", String.raw`[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}`, {
    check: isIban,
    shrinks: true,
    alone: true,
    context: ["iban", "account", "transfer", "bank"],
  }),
  kind("finance", "SWIFT_CODE", String.raw`[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?`, {
    check: isBic,
    context: ["swift", "bic", "swift code", "bic code", "iban"],
  }),
  kind("finance", "ISIN_CODE", String.raw`[A-Z]{2}[A-Z0-9]{9}\d`, {
    check: isIsin,
    context: ["isin", "security", "fund", "stock"],
  }),
  kind("finance", "LEI_CODE", String.raw`\d{4}[A-Z0-9]{14}\d{2}`, {
    check: isLei,
    context: ["lei", "legal entity"],
  }),
  kind(
    "finance",
    "BITCOIN_ADDRESS",
    String.raw`(?:bc1[ac-hj-np-z02-9]{25,71}|[13][1-9A-HJ-NP-Za-km-z]{25,34})`,
    {
      check: (text) => /\d/.test(text) && /[A-Za-z]{2}/.test(text),
      alone: true,
      context: ["bitcoin", "btc", "wallet"],
    },
  ),
  kind("finance", "ETHEREUM_ADDRESS", String.raw`0x[0-9a-fA-F]{40}`, {
    alone: true,
    context: ["ethereum", "eth", "wallet"],
  }),
  kind(
    "finance",
    "LITECOIN_ADDRESS",
    String.raw`(?:ltc1[ac-hj-np-z02-9]{25,60}|[LM][1-9A-HJ-NP-Za-km-z]{26,33})`,
    {
      context: ["litecoin", "ltc"],
    },
  ),
  kind("finance", "MONERO_ADDRESS", String.raw`4[0-9AB][1-9A-HJ-NP-Za-km-z]{93}`, {
    alone: true,
    context: ["monero", "xmr"],
  }),
  kind("finance", "RIPPLE_ADDRESS", String.raw`r[1-9A-HJ-NP-Za-km-z]{24,34}`, { context: ["ripple", "xrp"] }),
  kind("finance", "SOLANA_ADDRESS", String.raw`[1-9A-HJ-NP-Za-km-z]{43,44}`, {
    context: ["solana", "sol wallet"],
  }),

  kind("finance", "US_BANK_NUMBER", String.raw`\d{8,17}`, {
    country: "US",
    context: [
      "bank account",
      "checking account",
      "savings account",
      "account number",
      "acct number",
      "account #",
    ],
  }),
  kind("finance", "US_ROUTING_NUMBER", String.raw`\d{9}`, {
    country: "US",
    check: isRoutingNumber,
    context: ["routing", "aba", "rtn", "routing number"],
  }),
  kind("finance", "UK_SORT_CODE", String.raw`\d{2}[- ]\d{2}[- ]\d{2}|\d{6}`, {
    country: "GB",
    context: ["sort code", "sortcode"],
  }),
  kind("finance", "UK_BANK_ACCOUNT", String.raw`\d{8}`, { country: "GB", context: ["sort code + account"] }),
  kind("finance", "CA_BANK_ACCOUNT", String.raw`\d{5}-\d{3}-\d{7,12}`, {
    country: "CA",
    context: [...ACCOUNT, "transit", "institution"],
  }),
  kind("finance", "AU_BSB", String.raw`\d{3}-?\d{3}`, { country: "AU", context: ["bsb"] }),
  kind("finance", "NZ_BANK_ACCOUNT", String.raw`\d{2}-\d{4}-\d{7}-\d{2,3}`, {
    country: "NZ",
    check: stdnum("nz", "bank"),
    context: ACCOUNT,
    alone: true,
  }),
  kind("finance", "FR_RIB", String.raw`\d{5}[ -]?\d{5}[ -]?[0-9A-Z]{11}[ -]?\d{2}`, {
    country: "FR",
    check: isRib,
    context: ["rib", "compte", "banque"],
  }),
  kind("finance", "MX_CLABE", String.raw`\d{3}[ -]?\d{3}[ -]?\d{11}[ -]?\d`, {
    country: "MX",
    check: stdnum("mx", "clabe"),
    context: ["clabe", "cuenta", "transferencia"],
  }),
  kind("finance", "AR_CBU", String.raw`\d{8}[ -]?\d{14}`, {
    country: "AR",
    check: stdnum("ar", "cbu"),
    context: ["cbu", "cuenta"],
  }),
  kind("finance", "NO_BANK_ACCOUNT", String.raw`\d{4}[. ]?\d{2}[. ]?\d{5}`, {
    country: "NO",
    check: stdnum("no", "kontonr"),
    context: ["kontonummer", "konto", "kontonr"],
  }),
  kind("finance", "IN_IFSC", String.raw`[A-Z]{4}0[A-Z0-9]{6}`, {
    country: "IN",
    context: ["ifsc", "branch code", "neft", "rtgs", "imps"],
  }),
  kind(
    "finance",
    "IN_UPI_ID",
    String.raw`[\w.-]{2,64}@(?:ok(?:axis|hdfcbank|icici|sbi)|ybl|ibl|axl|paytm|upi|apl)`,
    { country: "IN", alone: true, context: ["upi", "vpa"] },
  ),
  kind(
    "finance",
    "BR_PIX_KEY",
    String.raw`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`,
    { country: "BR", context: ["pix", "chave pix"] },
  ),
  kind("finance", "JP_BANK_ACCOUNT", String.raw`\d{7}`, {
    country: "JP",
    context: ["口座番号", "普通預金", "japan + account number"],
  }),
  kind("finance", "CZ_BANK_ACCOUNT", String.raw`(?:\d{2,6}-)?\d{6,10}/\d{4}`, {
    country: "CZ",
    context: ["účet", "účtu", "ucet", "uctu", "account"],
  }),
  kind("finance", "HU_BANK_ACCOUNT", String.raw`\d{8}-\d{8}(?:-\d{8})?`, {
    country: "HU",
    context: ["bankszámla", "számlaszám", "account"],
  }),
  kind("finance", "SE_BANKGIRO", String.raw`\d{3,4}-\d{4}`, {
    country: "SE",
    check: (text) => /^\d{3,4}-\d{4}$/.test(text),
    context: ["bankgiro"],
  }),
];
