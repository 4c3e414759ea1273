import { httpErrors, type HttpError } from '@fastify/sensible'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ScimTokenRecord, ScimTokenStore } from './contracts.ts'
import { ask, brokenContract } from './host.ts'
import { ScimError } from './scim-error.ts'
import { within } from './time-limit.ts'
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
    const token = sentToken(request, reply)
    const record = await currentRecord(store, timeout, request, reply)
    if (!matchesHash(token, record?.hash ?? '')) {
      throw invalidToken(reply, 'This SCIM token is not valid, or no longer: a newer one was generated, or SCIM is disabled.')
    }
    request.scimToken = record
  }
}

function sentToken ({ headers: { authorization } }: FastifyRequest, reply: FastifyReply): string {
  const howTo = 'Send the SCIM token in the header "Authorization: Bearer <token>".'
  if (authorization === undefined) throw unauthorized(reply, `The request has no Authorization header. ${howTo}`)
  if (!bearer.test(authorization)) throw unauthorized(reply, `The Authorization header is not of the scheme Bearer. ${howTo}`)

  const token = authorization.replace(bearer, '')
  if (!isToken(token)) {
    throw invalidToken(reply, 'This is not a SCIM token of this server: it is cut off, mistyped or made elsewhere. Copy it again, or generate a new one.')
  }
  return token
}

async function currentRecord (
  store: ScimTokenStore,
  timeout: number,
  request: FastifyRequest,
  reply: FastifyReply
): Promise<ScimTokenRecord | null> {
  try {
    const record = await ask(503, 'scimTokenStore.find', () => within(timeout, store.find({ request })))
    if (record === null || isHash(record?.hash)) return record
    throw brokenContract('scimTokenStore.find', 'a record with a SHA-256 in hexadecimal, or null', record)
  } catch (cause) {
    throw refusal(reply, httpErrors.createError(503, 'The server cannot check the SCIM token now. Try again later.', {
      headers: { 'retry-after': retryAfterSeconds },
      cause
    }))
  }
}

/** RFC 6750, section 3.1: no error code where no bearer token was sent. */
function unauthorized (reply: FastifyReply, detail: string, challenge = 'Bearer realm="SCIM"'): ScimError {
  return refusal(reply, httpErrors.createError(401, detail, { headers: { 'www-authenticate': challenge } }))
}

function invalidToken (reply: FastifyReply, detail: string): ScimError {
  return unauthorized(reply, detail, 'Bearer realm="SCIM", error="invalid_token"')
}

function refusal (reply: FastifyReply, error: HttpError): ScimError {
  reply.code(error.statusCode)
  return new ScimError(error)
}
