/** The way of an agent, once as lines for a shell and once walked. */
import type { WeatherApi } from "./weather-api.ts";

/** What a newcomer pastes into a shell, line by line. */
export function curlLines({ url, owner }: WeatherApi): string {
  const json = `-H 'Content-Type: application/json'`;
  return String.raw`URL=${url}
field() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }

# An agent registers. Its key is shown once.
REGISTERED=$(curl -s $URL/agents/register ${json} -d '{"agent_name":"WeatherBot","owner_email":"${owner.email}"}')
echo $REGISTERED
AGENT=$(echo $REGISTERED | field agent_id); KEY=$(echo $REGISTERED | field api_key)

# It signs in, and may do nothing yet: 403 Permission Denied.
login() { curl -s $URL/auth/login ${json} -d "{\"api_key\":\"$KEY\"}" | field access_token; }
TOKEN=$(login)
curl -s $URL/data/weather -H "Authorization: Bearer $TOKEN"

# Its owner, who is the administrator here, vouches for it and permits it the weather.
OWNER=$(curl -s $URL/api/auth/login ${json} -d '{"email":"${owner.email}","password":"${owner.password}"}' | field access_token)
curl -s -X POST $URL/agents/$AGENT/confirm -H "Authorization: Bearer $OWNER"
curl -s $URL/agents/$AGENT/permissions -H "Authorization: Bearer $OWNER" ${json} -d '{"permission":"read_weather"}'

# The new token holds it: the weather, and still not the stock.
TOKEN=$(login)
curl -s $URL/data/weather -H "Authorization: Bearer $TOKEN"
curl -s $URL/data/stock -H "Authorization: Bearer $TOKEN"`;
}

type Body = Readonly<Record<string, string>>;

async function call(
  url: string,
  path: string,
  body?: object,
  token?: string,
): Promise<{ status: number; body: Body }> {
  const response = await fetch(`${url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Body };
}

/** Two agents, of which each gets its own data and not the other's. */
export async function walk({ url, owner }: WeatherApi, print: (line: string) => void): Promise<void> {
  const signedIn = await call(url, "/api/auth/login", owner);
  for (const [agent_name, permission] of [
    ["WeatherBot", "read_weather"],
    ["StockBot", "read_stock"],
  ] as const) {
    const registered = await call(url, "/agents/register", { agent_name, owner_email: owner.email });
    print(`${agent_name} registers: ${registered.status}`);
    const { agent_id, api_key } = registered.body;
    const token = async () => (await call(url, "/auth/login", { api_key })).body["access_token"];
    const powerless = await call(url, "/data/weather", undefined, await token());
    print(`${agent_name} asks for the weather: ${powerless.status} ${powerless.body["detail"]}`);
    await call(url, `/agents/${agent_id}/confirm`, {}, signedIn.body["access_token"]);
    await call(url, `/agents/${agent_id}/permissions`, { permission }, signedIn.body["access_token"]);
    print(`its owner confirms it and permits ${permission}`);
    for (const data of ["weather", "stock"]) {
      const answer = await call(url, `/data/${data}`, undefined, await token());
      print(
        `${agent_name} asks for the ${data}: ${answer.status} ${answer.body["message"] ?? answer.body["detail"]}`,
      );
    }
  }
}
