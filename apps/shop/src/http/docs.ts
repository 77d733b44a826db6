/** What the shop's `/docs` says beside its routes: the variables of its examples, and an agent from its first call to its last. */

/** What the examples on the page use, as lines for a shell. */
const variables = (publicUrl: string): string => String.raw`URL=${publicUrl}
field() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
login() { curl -s $URL/api/auth/login -H 'Content-Type: application/json' \
  -d "{\"email\":\"$1\",\"password\":\"$2\"}"; }
LOGIN=$(login alice.johnson@gmail.com customer123)
TOKEN=$(echo "$LOGIN" | field access_token)
REFRESH=$(echo "$LOGIN" | field refresh_token)
ADMIN=$(login admin.demo@gmail.com admin123 | field access_token)
APPROVAL=ID   # of an "approval" event of a chat
ENTRY=ID      # the entry_id of a "tool" event of a chat`;

/** An agent with a key of its own, from its first call to its last. */
const AGENT_WALK = String.raw`REGISTERED=$(curl -s $URL/agents/register -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
  -d '{"agent_name":"PriceWatch","owner_email":"alice.johnson@gmail.com"}')
AGENT=$(echo "$REGISTERED" | field agent_id)
KEY=$(echo "$REGISTERED" | field api_key)

# An administrator permits it one thing; only then it signs in, for a token holds what was permitted when it was made.
curl -s $URL/agents/$AGENT/permissions -H "Authorization: Bearer $ADMIN" -H 'Content-Type: application/json' \
  -d '{"permission":"read:products:*"}'
enter() { curl -s $URL/auth/login -H 'Content-Type: application/json' \
  -d "{\"api_key\":\"$KEY\",\"audience\":\"$1\"}" | field access_token; }
AGENT_TOKEN=$(enter $URL)

# A tool that it may call: 200. A tool or a route without the permission: 403.
# A token is for one address: the tool server's here, the API's above.
tool() { curl -s -w '\n%{http_code}\n' $URL/mcp/$1 -H "Authorization: Bearer $3" -H 'Content-Type: application/json' \
  -H 'Accept: application/json, text/event-stream' \
  -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"$2\",\"arguments\":{}}}"; }
HELD=$(enter $URL/mcp/products)
tool products search_products $HELD
tool orders get_user_orders $(enter $URL/mcp/orders)
curl -s $URL/api/admin/usage -H "Authorization: Bearer $AGENT_TOKEN"

# Suspended: 401 within a second, with the token that it already holds.
curl -s -X PATCH $URL/agents/$AGENT -H "Authorization: Bearer $ADMIN" -H 'Content-Type: application/json' -d '{"status":"suspended"}'
sleep 1; tool products search_products $HELD`;

/** Under the title. */
export function docsText(publicUrl: string, offline: boolean) {
  return {
    intro: [
      ...(offline ? ["The offline planner answers; no model is set."] : []),
      "Errors are problem documents (RFC 9457) with `code` and `request_id`. Send one credential: `Authorization: Bearer`, or the session cookie with `X-CSRF-Token` on writes; both at once are refused.",
    ],
    examples: [
      { sentence: "The examples use:", shell: variables(publicUrl) },
      { sentence: "An agent with a key of its own, from its first call to its last:", shell: AGENT_WALK },
    ],
  };
}
