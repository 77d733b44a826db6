/** The views of what waits for the person, and of what the agent is and can. */
import { type AgentServerClient, NotFoundError } from "@deputize/client/server";
import { asText, fill, el, told } from "./dom.ts";
import { approvalCard } from "./parts.ts";

const EVERY_MS = 5_000;

export function approvalsView(client: AgentServerClient, signal: AbortSignal): HTMLElement {
  const list = el("div", {});
  const problem = el("div", {});
  let shown = "";

  async function load(): Promise<void> {
    const { data } = await client.approvals({ signal });
    // Nothing is put anew while it is the same: somebody may be about to press a button.
    const now = JSON.stringify(data.approvals);
    if (now === shown) return;
    shown = now;
    fill(
      list,
      data.approvals.length === 0 && el("p", { class: "hint" }, "Nothing waits for you."),
      data.approvals.map((approval) =>
        approvalCard(
          approval,
          (id, decision) =>
            void told(problem, async () => {
              await client.decideApproval(id, decision);
              await load();
            }),
        ),
      ),
    );
  }

  void told(problem, load);
  const timer = setInterval(() => void load().catch(() => undefined), EVERY_MS);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  return el("div", { class: "pane" }, el("h2", {}, "Approvals"), problem, list);
}

export function toolsView(client: AgentServerClient, signal: AbortSignal): HTMLElement {
  const agent = el("div", {});
  const tools = el("div", {});
  const problem = el("div", {});

  async function load(): Promise<void> {
    const [graph, found] = await Promise.all([
      client.graph({ signal }),
      client.graphTools({ signal }).catch((error: unknown) => {
        if (error instanceof NotFoundError) return undefined;
        throw error;
      }),
    ]);
    const { agent: name, description, info, nodes, edges } = graph.data;
    fill(
      agent,
      el("h3", {}, name),
      el("p", {}, description),
      el("details", {}, el("summary", {}, "As a graph"), el("pre", {}, asText({ ...info, nodes, edges }))),
    );
    const all = found?.data.tools ?? [];
    fill(
      tools,
      all.length === 0 && el("p", { class: "hint" }, "This agent has no tools that you may call."),
      all.map(({ name, description, parameters, node }) =>
        el(
          "details",
          { class: "tool" },
          el("summary", {}, el("code", {}, name), node !== null && el("small", {}, node)),
          el("p", {}, description),
          el("pre", {}, asText(parameters)),
        ),
      ),
    );
  }

  void told(problem, load);
  return el("div", { class: "pane" }, el("h2", {}, "Agent"), problem, agent, el("h2", {}, "Tools"), tools);
}
