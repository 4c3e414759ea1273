/** The parts of a response to a SCIM request that clients act on. Headers that it lacks are absent. */
export interface ScimResponse {
  status: number
  type?: string
  challenge?: string
  retryAfter?: string
  body: string
}

/** @param header returns the header of this name, in lower case */
export function toScimResponse (status: number, header: (name: string) => unknown, body: string): ScimResponse {
  const headers = { type: header('content-type'), challenge: header('www-authenticate'), retryAfter: header('retry-after') }
  const present = Object.entries(headers).filter(([, value]) => value !== undefined)
  return { status, ...Object.fromEntries(present), body }
}

/** The response to the valid token. */
export const accepted: ScimResponse = { status: 200, type: 'text/plain; charset=utf-8', body: 'users' }

const howTo = 'Send the SCIM token in the header "Authorization: Bearer <token>".'

/** RFC 6750, section 3.1: no error code if no bearer token was sent. */
export const noAuthorizationHeader = errorResponse(401, `The request has no Authorization header. ${howTo}`, { challenge: 'Bearer realm="SCIM"' })

/** RFC 6750, section 3.1: no error code if no bearer token was sent. */
export const schemeNotBearer = errorResponse(401, `The scheme of the Authorization header is not Bearer. ${howTo}`, { challenge: 'Bearer realm="SCIM"' })

export const malformedToken = errorResponse(
  401,
  'This is not a SCIM token of this server: it is truncated, mistyped or from elsewhere. Copy it again, or generate a new one.',
  { challenge: 'Bearer realm="SCIM", error="invalid_token"' }
)

export const surroundedToken = errorResponse(
  401,
  'The Authorization header holds a SCIM token with something around or within it, such as quotes, blanks or a second "Bearer". Paste the token alone.',
  { challenge: 'Bearer realm="SCIM", error="invalid_token"' }
)

export const tokenMissing = errorResponse(
  401,
  `No token follows the scheme Bearer. ${howTo}`,
  { challenge: 'Bearer realm="SCIM", error="invalid_token"' }
)

export const unknownToken = errorResponse(
  401,
  'This SCIM token is not the valid one: a newer one was generated, it is from another server, or SCIM is disabled.',
  { challenge: 'Bearer realm="SCIM", error="invalid_token"' }
)

export const storeUnavailable = errorResponse(503, 'The server is temporarily unable to verify the SCIM token. Try again later.', { retryAfter: '5' })

/** RFC 7644, section 3.12: the schema, the status as a string, and a detail for the admin. */
function errorResponse (status: number, detail: string, headers: { challenge?: string, retryAfter?: string }): ScimResponse {
  return {
    status,
    type: 'application/scim+json; charset=utf-8',
    ...headers,
    body: JSON.stringify({ schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], status: String(status), detail })
  }
}
