/** What of an answer tells how a SCIM request went; headers that it lacks are absent. */
export interface Answer {
  status: number
  type?: string
  challenge?: string
  retryAfter?: string
  body: string
}

/** Picks from a whole answer, whose headers are known by their name in lower case. */
export function toAnswer (status: number, header: (name: string) => unknown, body: string): Answer {
  const headers = { type: header('content-type'), challenge: header('www-authenticate'), retryAfter: header('retry-after') }
  const present = Object.entries(headers).filter(([, value]) => value !== undefined)
  return { status, ...Object.fromEntries(present), body }
}

/** The whole of the answer to a token that works. */
export const letIn: Answer = { status: 200, type: 'text/plain; charset=utf-8', body: 'users' }

const howTo = 'Send the SCIM token in the header "Authorization: Bearer <token>".'

/** RFC 6750, section 3.1: no error code, because no bearer token was sent. */
export const nothingSent = refusal(401, `The request has no Authorization header. ${howTo}`, { challenge: 'Bearer realm="SCIM"' })

/** RFC 6750, section 3.1: no error code, because no bearer token was sent. */
export const otherScheme = refusal(401, `The scheme of the Authorization header is not Bearer. ${howTo}`, { challenge: 'Bearer realm="SCIM"' })

export const malformed = refusal(
  401,
  'This is not a SCIM token of this server: it is truncated, mistyped or from elsewhere. Copy it again, or generate a new one.',
  { challenge: 'Bearer realm="SCIM", error="invalid_token"' }
)

export const notCurrent = refusal(
  401,
  'This SCIM token is not valid: a newer one was generated, or SCIM is disabled.',
  { challenge: 'Bearer realm="SCIM", error="invalid_token"' }
)

export const storeDown = refusal(503, 'The server is temporarily unable to verify the SCIM token. Try again later.', { retryAfter: '5' })

/** RFC 7644, section 3.12: the schema, the status as a string, and what to tell the admin. */
function refusal (status: number, detail: string, headers: { challenge?: string, retryAfter?: string }): Answer {
  return {
    status,
    type: 'application/scim+json; charset=utf-8',
    ...headers,
    body: JSON.stringify({ schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], status: String(status), detail })
  }
}
