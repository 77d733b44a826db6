/**
 * Credentials by the form that those who give them out have given them. Each row has a literal that its pattern cannot do without:
 * a text without it costs one search for that.
 */
export interface CredentialPattern {
  readonly type: string;
  /** In lower case; one of them is in every text that the pattern matches. */
  readonly hints: readonly string[];
  readonly pattern: RegExp;
}

const EDGE = "(?<![A-Za-z0-9_-])";

/** `form`: the whole of it, which no letter, digit, `_` or `-` goes on. */
const known = (
  type: string,
  hint: string | readonly string[],
  form: string,
  flags = "",
): CredentialPattern => ({
  type,
  hints: typeof hint === "string" ? [hint] : hint,
  pattern: new RegExp(`${EDGE}(?:${form})(?![A-Za-z0-9_-])`, `g${flags}`),
});

/** A value whose form says little, behind the name of whom it is for: `name`, a few signs, the value. */
const named = (type: string, name: string, form: string): CredentialPattern => ({
  type,
  hints: [name],
  pattern: new RegExp(
    String.raw`(?<=${name}[\w .-]{0,24}["']?\s{0,3}(?:=>?|:|\bis\b|\|)\s{0,3}["']?)${form}(?![A-Za-z0-9_-])`,
    "gi",
  ),
});

const HEX32 = "[0-9a-f]{32}";
const HEX40 = "[0-9a-f]{40}";
const HEX64 = "[0-9a-f]{64}";
const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

export const PATTERNS: readonly CredentialPattern[] = [
  // Clouds
  known(
    "AWS_ACCESS_KEY",
    ["akia", "asia", "abia", "acca", "a3t"],
    "(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}",
  ),
  known("AWS_BEDROCK_KEY", "absk", "ABSK[A-Za-z0-9+/]{40,}={0,2}"),
  named("AWS_SECRET_KEY", "aws", "(?=[A-Za-z0-9/+]*[A-Z])(?=[A-Za-z0-9/+]*\\d)[A-Za-z0-9/+]{40}"),
  known("GOOGLE_API_KEY", "aiza", "AIza[\\w-]{35}"),
  known("GOOGLE_OAUTH_SECRET", "gocspx-", "GOCSPX-[\\w-]{28}"),
  known("GOOGLE_OAUTH_TOKEN", "ya29.", "ya29\\.[\\w-]{20,}"),
  known("GOOGLE_REFRESH_TOKEN", "1//0", "1//0[\\w-]{30,}"),
  known("AZURE_CLIENT_SECRET", "q~", "[\\w~.-]{3}\\dQ~[\\w~.-]{31,34}"),
  { type: "AZURE_STORAGE_KEY", hints: ["accountkey="], pattern: /(?<=AccountKey=)[A-Za-z0-9+/]{86}==/g },
  {
    type: "AZURE_SHARED_ACCESS_KEY",
    hints: ["sharedaccesskey="],
    pattern: /(?<=SharedAccessKey=)[A-Za-z0-9+/]{43}=/g,
  },
  { type: "AZURE_SAS_SIGNATURE", hints: ["sig="], pattern: /(?<=[?&]sig=)[A-Za-z0-9%]{43,63}%3D/gi },
  known("ALIBABA_ACCESS_KEY", "ltai", "LTAI[A-Za-z0-9]{12,20}"),
  known("TENCENT_SECRET_ID", "akid", "AKID[A-Za-z0-9]{32}"),
  known("DIGITALOCEAN_TOKEN", ["dop_v1_", "doo_v1_", "dor_v1_"], `do[opr]_v1_${HEX64}`),
  known("CLOUDFLARE_ORIGIN_KEY", "v1.0-", `v1\\.0-${HEX32.replace("32", "24")}-[0-9a-f]{146}`),
  named("CLOUDFLARE_API_TOKEN", "cloudflare", "[\\w-]{37,40}"),
  named("HEROKU_API_KEY", "heroku", UUID),
  known("HEROKU_API_KEY", "hrku-", "HRKU-[\\w-]{36,60}"),
  known(
    "FLY_TOKEN",
    ["fo1_", "fm1", "fm2_"],
    "(?:fo1_[\\w-]{43}|fm1[ar]_[A-Za-z0-9+/]{100,}={0,3}|fm2_[A-Za-z0-9+/]{100,}={0,3})",
  ),
  known("VERCEL_TOKEN", ["vcp_", "vci_", "vca_", "vcr_", "vck_"], "vc[aciprk]_[A-Za-z0-9]{24,64}"),
  known("NETLIFY_TOKEN", "nfp_", "nfp_[A-Za-z0-9]{36,}"),
  known("RENDER_TOKEN", "rnd_", "rnd_[A-Za-z0-9]{28,40}"),
  known("SCALEWAY_KEY", "scw", "SCW[A-Z0-9]{17}"),
  known(
    "YANDEX_TOKEN",
    ["t1.", "aqvn"],
    "(?:t1\\.[A-Z0-9a-z_-]{20,}={0,2}\\.[A-Z0-9a-z_-]{86}={0,2}|AQVN[\\w-]{35,38})",
  ),
  known("IBM_CLOUD_KEY", "ibm", "(?<=ibm[\\w ]{0,20}[:=] ?[\"']?)[\\w-]{44}", "i"),
  // Code and packages
  known("GITHUB_TOKEN", ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], "gh[pousr]_[A-Za-z0-9]{16,255}"),
  known("GITHUB_TOKEN", "github_pat_", "github_pat_\\w{22,255}"),
  known("GITLAB_TOKEN", "gl", "gl(?:pat|ptt|dt|rt|cbt|ft|imt|agent|oas|ffct|soat)-[\\w.-]{20,64}"),
  known("BITBUCKET_TOKEN", "atbb", "ATBB[A-Za-z0-9]{28,32}"),
  known("ATLASSIAN_TOKEN", "atatt3", "ATATT3[\\w-]{50,250}(?:=[A-F0-9]{8})?"),
  known("NPM_TOKEN", "npm_", "npm_[A-Za-z0-9]{16,}"),
  known("PYPI_TOKEN", "pypi-agei", "pypi-AgEI[\\w-]{50,}"),
  known("RUBYGEMS_TOKEN", "rubygems_", "rubygems_[0-9a-f]{48}"),
  known("CRATES_TOKEN", "cio", "cio[A-Za-z0-9]{32}"),
  known("NUGET_KEY", "oy2", "oy2[a-z0-9]{43}"),
  known("CLOJARS_TOKEN", "clojars_", "CLOJARS_[a-z0-9]{60}", "i"),
  known("DOCKER_TOKEN", ["dckr_pat_", "dckr_oat_"], "dckr_[po]at_[\\w-]{20,}"),
  known("ARTIFACTORY_KEY", ["akcp", "cmvmdgtu"], "(?:AKCp[A-Za-z0-9]{69}|cmVmdGtu[A-Za-z0-9]{56})"),
  known("SONAR_TOKEN", ["squ_", "sqp_", "sqa_"], `sq[aup]_${HEX40}`),
  known("SOURCEGRAPH_TOKEN", "sgp_", "sgp_(?:[0-9a-fA-F]{16}_|local_)?[0-9a-fA-F]{40}"),
  known("BUILDKITE_TOKEN", "bkua_", "bkua_[0-9a-f]{40}"),
  known("CIRCLECI_TOKEN", "ccipat_", "CCIPAT_[A-Za-z0-9]{22}_[0-9a-f]{40}"),
  named("TRAVIS_TOKEN", "travis", "[\\w-]{22}"),
  known("PULUMI_TOKEN", "pul-", `pul-${HEX40}`),
  known("TERRAFORM_TOKEN", ".atlasv1.", "[A-Za-z0-9]{14}\\.atlasv1\\.[\\w-]{60,70}"),
  known("VAULT_TOKEN", ["hvs.", "hvb.", "hvr."], "hv[sbr]\\.[\\w-]{24,300}"),
  known(
    "DOPPLER_TOKEN",
    "dp.",
    "dp\\.(?:pt|st|sa|ct|scim|audit)\\.(?:[a-z0-9._-]{2,35}\\.)?[A-Za-z0-9]{40,44}",
  ),
  known("INFISICAL_TOKEN", "st.", "st\\.[0-9a-f]{24}\\.[0-9a-f]{32}\\.[0-9a-f]{32}"),
  known(
    "ONEPASSWORD_SECRET_KEY",
    "a3-",
    "A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}",
  ),
  known("ONEPASSWORD_TOKEN", "ops_", "ops_eyJ[A-Za-z0-9+/]{250,}={0,3}"),
  known("AGE_SECRET_KEY", "age-secret-key-1", "AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}", "i"),
  // Models
  known("OPENAI_API_KEY", "sk-", "sk-(?:proj-|svcacct-|admin-|None-)?(?=[\\w-]*\\d)[\\w-]{16,200}"),
  known("ANTHROPIC_API_KEY", "sk-ant-", "sk-ant-(?:api|admin|oat)\\d{2}-[\\w-]{16,120}"),
  known("HUGGINGFACE_TOKEN", ["hf_", "api_org_"], "(?:hf_|api_org_)[A-Za-z]{34}"),
  known("GROQ_API_KEY", "gsk_", "gsk_[A-Za-z0-9]{48,56}"),
  known("PERPLEXITY_API_KEY", "pplx-", "pplx-[A-Za-z0-9]{40,56}"),
  known("REPLICATE_TOKEN", "r8_", "r8_[A-Za-z0-9]{37}"),
  known("XAI_API_KEY", "xai-", "xai-[A-Za-z0-9]{70,90}"),
  known("OPENROUTER_API_KEY", "sk-or-", "sk-or-(?:v1-)?[0-9a-f]{32,64}"),
  known("LANGSMITH_KEY", "lsv2_", "lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
  known("PINECONE_KEY", "pcsk_", "pcsk_[A-Za-z0-9]{5,6}_[A-Za-z0-9]{50,70}"),
  known("MEM0_API_KEY", "m0-", "m0-[\\w-]{16,}"),
  // Money
  known(
    "STRIPE_KEY",
    ["sk_live_", "sk_test_", "rk_live_", "rk_test_", "sk_prod_"],
    "[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,247}",
  ),
  known("STRIPE_WEBHOOK_SECRET", "whsec_", "whsec_[A-Za-z0-9+/=]{24,}"),
  known("SQUARE_TOKEN", ["sq0", "eaaa"], "(?:sq0(?:atp|csp|idp)-[\\w-]{22,43}|EAAA[\\w-]{60})"),
  known("PAYPAL_TOKEN", "access_token$production", "access_token\\$production\\$[0-9a-z]{16}\\$[0-9a-f]{32}"),
  known("ADYEN_KEY", "aqe", "AQE[\\w+/.-]{60,}={0,2}"),
  known("PLAID_TOKEN", "access-", `access-(?:sandbox|development|production)-${UUID}`),
  known("FLUTTERWAVE_KEY", "flwseck", "FLWSECK(?:_TEST)?-[0-9a-h]{12,32}(?:-X)?", "i"),
  known("RAZORPAY_KEY", "rzp_", "rzp_(?:live|test)_[A-Za-z0-9]{14}"),
  known("SHOPIFY_TOKEN", "shp", "shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
  known("EASYPOST_TOKEN", ["ezak", "eztk"], "EZ[AT]K[A-Za-z0-9]{54}"),
  named("COINBASE_KEY", "coinbase", "[\\w-]{64}"),
  // Messages and mail
  known(
    "SLACK_TOKEN",
    ["xox", "xapp-"],
    "(?:xox[abeoprs](?:\\.xox[bp])?-[\\w-]{10,250}|xapp-\\d-[A-Z0-9]+-\\d+-[a-z0-9]+)",
  ),
  {
    type: "SLACK_WEBHOOK",
    hints: ["hooks.slack.com"],
    pattern: /https:\/\/hooks\.slack\.com\/(?:services|workflows|triggers)\/[A-Za-z0-9+/]{24,80}/g,
  },
  {
    type: "DISCORD_WEBHOOK",
    hints: ["/api/webhooks/"],
    pattern: /https:\/\/(?:\w+\.)?discord(?:app)?\.com\/api\/webhooks\/\d{17,20}\/[\w-]{60,70}/g,
  },
  known("DISCORD_BOT_TOKEN", ".", "[MNO][A-Za-z\\d]{23,27}\\.[\\w-]{6}\\.[\\w-]{27,38}"),
  {
    type: "TEAMS_WEBHOOK",
    hints: [".webhook.office.com"],
    pattern: /https:\/\/[\w-]+\.webhook\.office\.com\/webhookb2\/[\w@/-]{60,300}/g,
  },
  known("TELEGRAM_BOT_TOKEN", ":a", "\\d{8,10}:A[\\w-]{34}"),
  known("TWILIO_API_KEY", "sk", "SK[0-9a-f]{32}"),
  known("TWILIO_ACCOUNT_SID", "ac", "AC[0-9a-f]{32}"),
  known("SENDGRID_API_KEY", "sg.", "SG\\.[\\w-]{16,32}\\.[\\w-]{16,64}"),
  known("MAILGUN_KEY", "key-", `key-${HEX32}`),
  known("MAILCHIMP_KEY", "-us", `${HEX32}-us\\d{1,2}`),
  known("BREVO_KEY", "xkeysib-", `xkeysib-${HEX64}-[A-Za-z0-9]{16}`),
  known("RESEND_KEY", "re_", "re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}"),
  known("POSTMAN_KEY", "pmak-", "PMAK-[0-9a-f]{24}-[0-9a-f]{34}", "i"),
  known("FACEBOOK_TOKEN", "eaa", "EAA[MC][A-Za-z0-9]{80,}"),
  known("TWITTER_BEARER_TOKEN", "aaaaaaaaaaaaaaaaaaaaa", "A{22}[A-Za-z0-9%]{60,100}"),
  named("LINKEDIN_SECRET", "linkedin", "[A-Za-z0-9]{16}"),
  // Work
  known("NOTION_TOKEN", ["secret_", "ntn_"], "(?:secret_[A-Za-z0-9]{43}|ntn_\\d{11}[A-Za-z0-9]{35})"),
  known("LINEAR_TOKEN", "lin_", "lin_(?:api|oauth)_[A-Za-z0-9]{32,64}"),
  known("AIRTABLE_TOKEN", "pat", "pat[A-Za-z0-9]{14}\\.[0-9a-f]{64}"),
  known("ASANA_TOKEN", "/", "[12]/\\d{12,20}(?:/\\d{12,20})?:[0-9a-f]{32}"),
  known("FIGMA_TOKEN", ["figd_", "figu_"], "fig[du]_[\\w-]{30,60}"),
  known("CLICKUP_TOKEN", "pk_", "pk_\\d{6,10}_[A-Z0-9]{32}"),
  known("TYPEFORM_TOKEN", "tfp_", "tfp_[\\w.=-]{40,70}"),
  known("CONTENTFUL_TOKEN", "cfpat-", "CFPAT-[\\w-]{43}"),
  known("HUBSPOT_TOKEN", "pat-", `pat-(?:na|eu)\\d-${UUID}`),
  known("INTERCOM_TOKEN", "dg9rog", "dG9rOg[A-Za-z0-9+/]{40,60}={0,2}"),
  named("ZENDESK_TOKEN", "zendesk", "[A-Za-z0-9]{40}"),
  known("DROPBOX_TOKEN", "sl.", "sl\\.(?:u\\.)?[\\w=-]{130,}"),
  named("JIRA_TOKEN", "jira", "[A-Za-z0-9]{24}"),
  // Data and watching
  known("DATABRICKS_TOKEN", "dapi", "dapi[0-9a-f]{32}(?:-\\d)?"),
  known("PLANETSCALE_TOKEN", "pscale_", "pscale_(?:tkn|oauth|pw)_[\\w.=-]{32,64}"),
  known("SUPABASE_TOKEN", ["sbp_", "sb_secret_"], "(?:sbp_[0-9a-f]{40}|sb_secret_[\\w-]{31})"),
  known("NEON_KEY", "napi_", "napi_[a-z0-9]{48,70}"),
  known(
    "GRAFANA_TOKEN",
    ["glsa_", "glc_"],
    "(?:glsa_[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}|glc_[A-Za-z0-9+/]{32,400}={0,2})",
  ),
  named("DATADOG_KEY", "datadog", `(?:${HEX40}|${HEX32})`),
  known(
    "NEW_RELIC_KEY",
    ["nrak-", "nral", "nrjs-", "nrii-", "nraa-"],
    "(?:NR(?:AK|AA)-[A-Z0-9]{27}|NRJS-[0-9a-f]{19}|NRII-[\\w-]{32})",
  ),
  known("SENTRY_TOKEN", ["sntrys_", "sntryu_"], "(?:sntrys_eyJ[\\w+/=-]{40,400}|sntryu_[0-9a-f]{64})"),
  known("DYNATRACE_TOKEN", "dt0c01.", "dt0c01\\.[A-Z0-9]{24}\\.[A-Z0-9]{64}"),
  named("SNYK_TOKEN", "snyk", UUID),
  named("FASTLY_TOKEN", "fastly", "[\\w-]{32}"),
  known("LAUNCHDARKLY_KEY", ["sdk-", "api-"], `(?:sdk|api)-${UUID}`),
  named("OKTA_TOKEN", "okta", "00[\\w-]{40}"),
  named("AUTH0_SECRET", "auth0", "[\\w-]{64}"),
  known("ALGOLIA_ADMIN_KEY", "algolia", `(?<=algolia[\\w ]{0,20}[:=] ?["']?)${HEX32}`, "i"),
  known("MAPBOX_SECRET", "sk.eyj", "sk\\.eyJ[\\w-]{20,}\\.[\\w-]{20,}"),
  known("SHIPPO_TOKEN", "shippo_", "shippo_(?:live|test)_[0-9a-f]{40}"),
  known("DUFFEL_TOKEN", "duffel_", "duffel_(?:live|test)_[\\w=-]{43}"),
  known("FRAMEIO_TOKEN", "fio-u-", "fio-u-[\\w=-]{64}"),
  known("PREFECT_KEY", ["pnu_", "pnb_"], "pn[ub]_[A-Za-z0-9]{36}"),
  known("README_KEY", "rdme_", "rdme_[a-z0-9]{70}"),
  known("TAILSCALE_KEY", "tskey-", "tskey-(?:[a-z]+-)?[\\w-]{16,70}"),
  known(
    "NGROK_TOKEN",
    "ngrok",
    "(?<=ngrok[\\w ]{0,20}[:=] ?[\"']?)[A-Za-z0-9]{20,30}_[A-Za-z0-9]{20,24}",
    "i",
  ),
  // Forms that many use
  known("JSON_WEB_TOKEN", "eyj", "eyJ[\\w-]{8,}\\.(?:eyJ)?[\\w-]{8,}(?:\\.[\\w-]*){0,3}"),
  {
    type: "PRIVATE_KEY",
    hints: ["private key"],
    pattern:
      /-----BEGIN[ A-Z0-9]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[\s\S]{0,16000}?-----END[ A-Z0-9]{0,40}PRIVATE KEY(?: BLOCK)?-----|[\sA-Za-z0-9+/=:,\\-]{0,16000})/g,
  },
  {
    type: "PUTTY_PRIVATE_KEY",
    hints: ["putty-user-key-file"],
    pattern: /PuTTY-User-Key-File-\d: [\s\S]{20,8000}?Private-MAC: [0-9a-f]{40,64}/g,
  },
  {
    type: "BEARER_TOKEN",
    hints: ["bearer", "basic", "dpop"],
    pattern: /(?<=\b(?:bearer|basic|dpop)\s{1,4})(?=[\w.~+/=-]*[\d+/=])[\w.~+/=-]{16,4096}/gi,
  },
  {
    type: "URL_CREDENTIALS",
    hints: ["://"],
    pattern: /(?<=[a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/:@"'<>]{0,200}:[^\s/@"'<>]{1,200}(?=@)/gi,
  },
  known("DEPUTIZE_KEY", ["dp_", "dpk_", "drt_", "dss_"], "d(?:p|pk|rt|ss)_(?=[\\w-]*\\d)[\\w-]{20,}"),
  {
    type: "CONNECTION_STRING",
    hints: ["password=", "pwd="],
    pattern: /(?<=;\s?(?:password|pwd)=)[^;"'\s]{3,128}/gi,
  },
  {
    type: "KUBERNETES_SECRET",
    hints: ["client-key-data", "client-certificate-data"],
    pattern: /(?<=client-key-data:\s{0,4})[A-Za-z0-9+/]{40,}={0,2}/g,
  },
  {
    type: "OTP_SECRET",
    hints: ["otpauth://"],
    pattern: /(?<=otpauth:\/\/[^\s]{0,200}[?&]secret=)[A-Z2-7]{16,64}/gi,
  },
];
