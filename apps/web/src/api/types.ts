/** The shapes that the shop's HTTP answers with, as docs/architecture.md lists them. Money is integer cents, times RFC 3339. */
export type Role = "customer" | "power_user" | "seller" | "admin";

export interface User {
  id: string;
  email: string;
  name: string;
  role: Role;
}

export interface DemoAccount {
  email: string;
  password: string;
  role: Role;
  name: string;
}

export interface Session {
  user: User | null;
  csrf_token?: string;
  demo_accounts?: DemoAccount[];
  model: { name: string; offline: boolean };
}

export interface DeviceSession {
  id: string;
  user_agent: string;
  created: string;
  last_used: string;
  current: boolean;
}

export interface Memory {
  id: string;
  text: string;
  act: "explicit" | "turn";
  agent?: string;
  created: string;
  updated: string;
}

/** What agents used for the person. Costs are millionths of a US dollar, of the calls whose price is known. */
export interface Usage {
  days: number;
  total: { turns: number; tokens_in: number; tokens_out: number; cost_micros: number; unpriced: number };
}

export type StepStatus = "running" | "done" | "refused" | "waiting" | "failed";

export interface Step {
  call_id: string;
  agent: string;
  tool: string;
  status: StepStatus;
  ms?: number;
  entry_id?: string;
}

export interface OrderSummary {
  id: string;
  number: string;
  status: string;
  total: number;
  date: string;
  item_count: number;
  carrier?: string;
  tracking?: string;
}

export interface Address {
  name?: string;
  street?: string;
  city?: string;
  state?: string;
  zip?: string;
  country?: string;
}

export interface OrderDetail extends OrderSummary {
  items: { product_id: string; name: string; quantity: number; unit_price: number }[];
  timeline: { status: string; date: string; location?: string; notes?: string }[];
  shipping_address: Address | string | null;
  subtotal: number;
  discount: number;
  shipping: number;
  can_cancel: boolean;
}

export interface Product {
  id: string;
  name: string;
  slug: string;
  category: string;
  brand: string;
  price: number;
  original_price?: number;
  rating: number;
  review_count: number;
  image_url: string;
  on_sale: boolean;
}

export interface ProductDetail extends Product {
  description: string;
  specs: Record<string, unknown>;
  stock: { warehouse: string; quantity: number }[];
}

export interface Profile {
  id?: string;
  email: string;
  name: string;
  role: string;
  loyalty_tier: string;
  total_spend: number;
  orders?: number;
}

export type ValueSource = "you" | "your data" | "other";

export type ApprovalStatus =
  "pending" | "approved" | "rejected" | "expired" | "executed" | "failed" | "superseded";

/** Why the person is asked; `links` say of each argument where its value came from. */
export interface ApprovalReason {
  rule: string;
  says: string;
  links: { argument: string; says: string; from: string; source?: string; call?: string; entry?: string }[];
}

export interface Approval {
  id: string;
  tool: string;
  agent: string;
  summary: string;
  arguments: { name: string; value: unknown; source: ValueSource }[];
  amount?: number;
  status: ApprovalStatus;
  expires: string;
  created: string;
  conversation_id?: string;
  because?: ApprovalReason[];
}

export type Card =
  | { type: "order"; order: OrderDetail }
  | { type: "orders"; orders: OrderSummary[] }
  | { type: "products"; products: Product[] }
  | { type: "profile"; profile: Profile }
  | { type: "case_offer"; subject_email?: string; resources: string[] };

export interface Message {
  id: string;
  seq: number;
  role: "user" | "assistant";
  content: string;
  agent_name?: string;
  agents_involved: string[];
  cards: Card[];
  steps: Step[];
  approvals: Approval[];
  created: string;
}

export interface ConversationSummary {
  id: string;
  title: string;
  last_message: string;
}

export interface Conversation {
  id: string;
  title: string;
  messages: Message[];
  /** There are older messages: what to ask for as `before`. */
  earlier?: number;
}

export interface Case {
  id: string;
  subject: { id: string; email: string; name: string };
  purpose: string;
  resources: string[];
  opened: string;
  expires: string;
  closed?: string;
}

export interface Mandate {
  id: string;
  agent: { id: string; name: string };
  purpose: string;
  tools: string[];
  scopes: string[];
  constraints?: Record<string, { tool?: string; argument?: string; oneOf?: (string | number | boolean)[] }>;
  status: "active" | "expired" | "ended";
  made: string;
  expires: string;
  ended?: string;
}

/** What an agent can be let do; of this a mandate is made. */
export interface BackgroundOffer {
  agent: string;
  name: string;
  audiences: string[];
  tools: {
    name: string;
    title: string;
    asks: boolean;
    scopes: string[];
    bounds: { argument: string; of: "orders" }[];
  }[];
}

export interface BackgroundRun {
  id: string;
  agent: string;
  mandate: string;
  message: string;
  status:
    "queued" | "scheduled" | "running" | "waiting" | "parked" | "done" | "failed" | "stopped" | "cancelled";
  reason?: string;
  created: string;
  next?: string;
}

export type TurnStatus = "done" | "waiting" | "stopped" | "failed";

/** An RFC 9457 problem document. */
export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  code?: string;
  request_id?: string;
}
