import { types } from 'node:util'
import type { FastifyReply, FastifyRequest, RawRequestDefaultExpression, RawServerBase, RouteGenericInterface } from 'fastify'
import { callHost, contractError } from './call-host.ts'
import type { ScimTokenRecord, ScimTokenStore } from './contracts.ts'
import { ScimError } from './scim-error.ts'
import { holdsToken, isHash, isToken, matchesHash } from './token.ts'

/** Authenticates SCIM requests of a host: an `onRequest` hook, on HTTP/1.1 and HTTP/2. */
export type VerifyScimToken = <RawServer extends RawServerBase>(
  request: FastifyRequest<RouteGenericInterface, RawServer, RawRequestDefaultExpression<RawServer>>,
  reply: FastifyReply<RouteGenericInterface, RawServer>
) => Promise<void>

const retryAfterSeconds = '5'

// RFC 9110, section 11.4: a case-insensitive scheme, then one or more spaces.
const bearer = /^bearer(?: +|$)/i

/**
 * Creates the hook that requires the valid token and sets `request.scimToken`.
 *
 * It throws a {@link ScimError}: 401 with a challenge (RFC 6750, section 3), or 503 if the store
 * fails, because providers stop provisioning after a 401. Disabled SCIM is 401 too: providers read
 * 404 as a user who does not exist.
 *
 * It also sets the status of the reply. `@fastify/auth` resets it if another strategy succeeds; a
 * host that catches the error must do the same.
 */
export function createVerifyScimToken (store: ScimTokenStore, timeout: number): VerifyScimToken {
  // Fastify types HTTP/1.1 and HTTP/2 apart; the hook and stores use what both have.
  return verifyScimToken as VerifyScimToken

  async function verifyScimToken (request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const token = readBearerToken(request)
    if (token instanceof ScimError) {
      // Node.js tracks a rejection before the first await as unhandled, which doubles its cost.
      await undefined
      throw withStatus(reply, token)
    }

    let record: ScimTokenRecord | null
    try {
      record = await callHost('scimTokenStore.find', 503, timeout, () => store.find({ request }))
      if (record !== null && !isRecord(record)) {
        throw contractError('scimTokenStore.find', 'a record with a SHA-256 in hexadecimal and a valid Date, or null', record)
      }
    } catch (cause) {
      throw withStatus(reply, storeFailed(cause))
    }

    // Hashed without a record too, so that the response time does not tell whether there is one.
    const matches = matchesHash(token, record?.hash ?? '')
    if (record === null || !matches) {
      throw withStatus(reply, tokenInvalid('This SCIM token is not the valid one: a newer one was generated, it is from another server, or SCIM is disabled.'))
    }
    // A copy, because a handler may change it, and the store may keep its own object.
    request.scimToken = Object.freeze({ hash: record.hash, createdAt: new Date(record.createdAt) })
  }
}

/** Sets the status of the reply too, for error handlers that only send the error. */
function withStatus (reply: FastifyReply, error: ScimError): ScimError {
  reply.code(error.statusCode)
  return error
}

function isRecord (record: ScimTokenRecord): boolean {
  return isHash(record?.hash) && types.isDate(record.createdAt) && !Number.isNaN(record.createdAt.getTime())
}

function readBearerToken ({ headers: { authorization } }: FastifyRequest): string | ScimError {
  const howTo = 'Send the SCIM token in the header "Authorization: Bearer <token>".'
  if (authorization === undefined) return tokenMissing(`The request has no Authorization header. ${howTo}`)
  // A hook of the host may have made it an array.
  if (typeof authorization !== 'string' || !bearer.test(authorization)) return tokenMissing(`The scheme of the Authorization header is not Bearer. ${howTo}`)

  const token = authorization.replace(bearer, '')
  if (isToken(token)) return token
  if (token.trim() === '') return tokenInvalid(`No token follows the scheme Bearer. ${howTo}`)
  // Generating another token would invalidate a good one, and it would be pasted in the same way.
  return tokenInvalid(holdsToken(token)
    ? 'The Authorization header holds a SCIM token with something around or within it, such as quotes, blanks or a second "Bearer". Paste the token alone.'
    : 'This is not a SCIM token of this server: it is truncated, mistyped or from elsewhere. Copy it again, or generate a new one.')
}

function storeFailed (cause: unknown): ScimError {
  return new ScimError({
    statusCode: 503,
    code: 'SCIM_STORE_FAILED',
    message: 'The server is temporarily unable to verify the SCIM token. Try again later.',
    headers: { 'retry-after': retryAfterSeconds },
    cause
  })
}

/** Without a bearer token in the request, the challenge has no error code (RFC 6750, section 3.1). */
function tokenMissing (detail: string): ScimError {
  return unauthorized(detail, 'SCIM_TOKEN_MISSING', 'Bearer realm="SCIM"')
}

function tokenInvalid (detail: string): ScimError {
  return unauthorized(detail, 'SCIM_TOKEN_INVALID', 'Bearer realm="SCIM", error="invalid_token"')
}

function unauthorized (message: string, code: string, challenge: string): ScimError {
  return new ScimError({ statusCode: 401, code, message, headers: { 'www-authenticate': challenge } })
}
