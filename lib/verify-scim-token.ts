import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ScimTokenRecord, ScimTokenStore } from './contracts.ts'
import { ask, brokenContract } from './host.ts'
import { ScimError } from './scim-error.ts'
import { isHash, isToken, matchesHash } from './token.ts'

/** Guards the SCIM routes of a host: an `onRequest` hook. */
export type VerifyScimToken = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

const retryAfterSeconds = '5'

// RFC 9110, section 11.4: a scheme in any case, then one or more spaces.
const bearer = /^bearer(?: +|$)/i

/**
 * Makes the hook that lets in the one valid token and sets `request.scimToken`.
 *
 * It throws a {@link ScimError}: 401 with a challenge as RFC 6750, section 3 has it, or 503 when
 * the store fails, because a provider that gets 401 stops for good. Disabled SCIM is 401 too and
 * not 404, which a provider takes for a user who is gone.
 *
 * It sets the status of the reply as well: an error handler may send what it gets and no more.
 * `@fastify/auth` sets it back when another strategy lets in; a host that catches must do the same.
 */
export function verifyScimToken (store: ScimTokenStore, timeout: number): VerifyScimToken {
  return async function (request, reply) {
    // Thrown before the first await, an error costs twice: Node.js takes it for one that nobody handles.
    const outcome = await authenticate(request)
    if (outcome instanceof ScimError) {
      reply.code(outcome.statusCode)
      throw outcome
    }
    request.scimToken = outcome
  }

  async function authenticate (request: FastifyRequest): Promise<ScimTokenRecord | ScimError> {
    const token = sentToken(request)
    if (token instanceof ScimError) return token

    const record = await currentRecord(request)
    if (record instanceof ScimError) return record

    // Without a record, too, a token is hashed and compared.
    const matches = matchesHash(token, record?.hash ?? '')
    if (record === null || !matches) {
      return invalidToken('This SCIM token is not valid, or no longer: a newer one was generated, or SCIM is disabled.')
    }
    return record
  }

  async function currentRecord (request: FastifyRequest): Promise<ScimTokenRecord | null | ScimError> {
    try {
      const record = await ask(503, 'scimTokenStore.find', timeout, () => store.find({ request }))
      if (record === null || isHash(record?.hash)) return record
      throw brokenContract('scimTokenStore.find', 'a record with a SHA-256 in hexadecimal, or null', record)
    } catch (cause) {
      return new ScimError({
        statusCode: 503,
        message: 'The server cannot check the SCIM token now. Try again later.',
        headers: { 'retry-after': retryAfterSeconds },
        cause
      })
    }
  }
}

function sentToken ({ headers: { authorization } }: FastifyRequest): string | ScimError {
  const howTo = 'Send the SCIM token in the header "Authorization: Bearer <token>".'
  if (authorization === undefined) return unauthorized(`The request has no Authorization header. ${howTo}`)
  if (!bearer.test(authorization)) return unauthorized(`The Authorization header is not of the scheme Bearer. ${howTo}`)

  const token = authorization.replace(bearer, '')
  return isToken(token)
    ? token
    : invalidToken('This is not a SCIM token of this server: it is cut off, mistyped or made elsewhere. Copy it again, or generate a new one.')
}

/** RFC 6750, section 3.1: no error code where no bearer token was sent. */
function unauthorized (detail: string, challenge = 'Bearer realm="SCIM"'): ScimError {
  return new ScimError({ statusCode: 401, message: detail, headers: { 'www-authenticate': challenge } })
}

function invalidToken (detail: string): ScimError {
  return unauthorized(detail, 'Bearer realm="SCIM", error="invalid_token"')
}
