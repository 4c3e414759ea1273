import { types } from 'node:util'
import type { FastifyReply, FastifyRequest, RawRequestDefaultExpression, RawServerBase, RouteGenericInterface } from 'fastify'
import { callHost, contractError, hostFailed } from '../call-host.ts'
import type { ScimTokenRecord, ScimTokenStore } from '../contracts.ts'
import { publishRejection } from '../diagnostics.ts'
import { closeIfUnread } from '../prepare-error-response.ts'
import { read } from '../thrown.ts'
import { hasFormat, holdsToken, isHash, isToken, matchesHash } from '../token.ts'
import { ScimError, type ScimErrorCode } from './scim-error.ts'
import { retryAfter } from './send-scim-error.ts'

/** Authenticates SCIM requests of a host: an `onRequest` hook, on HTTP/1.1 and HTTP/2. */
export type VerifyScimToken = <RawServer extends RawServerBase>(
  request: FastifyRequest<RouteGenericInterface, RawServer, RawRequestDefaultExpression<RawServer>>,
  reply: FastifyReply<RouteGenericInterface, RawServer>
) => Promise<void>

// RFC 9110, section 11.4: a case-insensitive scheme, then one or more spaces.
const bearer = /^bearer(?: +|$)/i

/**
 * Requires the valid SCIM token: an `onRequest` hook for the host's SCIM routes, and a strategy for
 * `@fastify/auth`. It can be added before or after the plugin is registered, as it looks the plugin up when
 * a request comes. It throws a {@link ScimError} if it rejects the request: 500 if the plugin is not registered
 * in the scope of the route or around it. It sets the status of the reply, too: if you call it and catch the
 * error, set another one.
 *
 * @group Functions
 */
export const verifyScimToken = verifyInScope as VerifyScimToken

function verifyInScope (request: FastifyRequest, reply: FastifyReply): Promise<void> {
  return (request.server.verifyScimToken ?? rejectUnregistered)(request, reply)
}

async function rejectUnregistered (_request: FastifyRequest, reply: FastifyReply): Promise<never> {
  throw rejection(reply, new ScimError({
    statusCode: 500,
    code: 'SCIM_TOKEN_NOT_REGISTERED',
    message: 'Something went wrong on the server. Its log has the cause.',
    cause: new Error('verifyScimToken found no fastify-scim-token: call app.register(scimToken) in the scope of this route, or around it')
  }))
}

/**
 * Creates the hook that requires the valid token and sets `request.scimToken`.
 *
 * It throws a {@link ScimError}: 401 with a challenge (RFC 6750, section 3), or 503 if the store
 * fails, because providers stop provisioning after a 401. Disabled SCIM is 401 too: providers read
 * 404 as a user who does not exist.
 *
 * It also sets the status of the reply. `@fastify/auth` resets it if another strategy succeeds.
 */
export function createVerifyScimToken (store: ScimTokenStore, timeout: number): VerifyScimToken {
  // Fastify types HTTP/1.1 and HTTP/2 apart; the hook and stores use what both have.
  return verify as VerifyScimToken

  async function verify (request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const token = readBearerToken(request)
    if (token instanceof ScimError) throw rejection(reply, token)

    const record = await callHost(timeout, () => store.find({ request })).then(readRecord, (thrown) => hostFailed(method, 503, thrown))
    // Fastify would go on with the request, or end the process because of a second response.
    if (isTimedOut(request, reply)) return await new Promise<never>(() => {})
    if (record instanceof Error) throw rejection(reply, storeFailed(record))

    // Hashed without a record too, so that the response time does not tell whether there is one.
    const matches = matchesHash(token, record?.hash ?? '')
    if (record === null || !matches) throw rejection(reply, rejected(token, record))
    request.scimToken = Object.freeze(record)
  }
}

const method = 'scimTokenStore.find'
const malformed = 'This is not a SCIM token of this server: it is truncated, mistyped or from elsewhere. Copy it again, or generate a new one.'

// Why a token is invalid, for the log: the response must not tell. They have no stack, which would be expensive.
const noRecord = Object.freeze({ code: 'SCIM_NO_RECORD', message: 'the store returned no record: SCIM is disabled, or no token was generated' })
const otherToken = Object.freeze({ code: 'SCIM_OTHER_TOKEN', message: 'the hash is not the stored one: the token was replaced, or is of another tenant or server' })
const notAToken = Object.freeze({ code: 'SCIM_NOT_A_TOKEN', message: 'the format or the checksum is not that of a token' })

/** Whether Fastify's `handlerTimeout` has expired. `signal` is read last, because reading it is slow; the shortest timeout is 1 ms. */
function isTimedOut (request: FastifyRequest, reply: FastifyReply): boolean {
  return reply.elapsedTime >= 1 && request.routeOptions.handlerTimeout > 0 && read(request.signal.reason, 'code') === 'FST_ERR_HANDLER_TIMEOUT'
}

/** Returns the error to throw. Sets the status of the reply too, for error handlers that only send the error. */
function rejection (reply: FastifyReply, error: ScimError): ScimError {
  reply.code(error.statusCode)
  publishRejection(reply.request.id, error, error.statusCode)
  closeIfUnread(reply.request, reply)
  return error
}

/** Returns a copy of the record, because a handler may change it, and the store may keep its own object; or an error that names its fault. */
function readRecord (found: unknown): ScimTokenRecord | null | Error {
  if (found === null || found === undefined) return null
  const [hash, createdAt] = [read(found, 'hash'), read(found, 'createdAt')]
  if (typeof found !== 'object') return contractError(method, 'a record, null or undefined', found)
  if (typeof hash !== 'string') return hashInvalid(hash)
  if (!types.isDate(createdAt) || Number.isNaN(createdAt.getTime())) return contractError(method, 'a record whose "createdAt" is a valid Date', createdAt)
  return { hash, createdAt: new Date(createdAt) }
}

/** Returns why a well-formed token and this record do not match. What matches needs no further check. */
function rejected (token: string, record: ScimTokenRecord | null): ScimError {
  if (record !== null && !isHash(record.hash)) return storeFailed(hashInvalid(record.hash))
  if (!isToken(token)) return tokenInvalid(malformed, notAToken)
  return tokenInvalid('This SCIM token is not the valid one: a newer one was generated, it is from another server, or SCIM is disabled.', record === null ? noRecord : otherToken)
}

function hashInvalid (hash: unknown): Error {
  return contractError(method, 'a record whose "hash" is a SHA-256 in lower-case hexadecimal', hash)
}

function readBearerToken ({ headers: { authorization } }: FastifyRequest): string | ScimError {
  const howTo = 'Send the SCIM token in the header "Authorization: Bearer <token>".'
  if (authorization === undefined) return tokenMissing(`The request has no Authorization header. ${howTo}`)
  // A hook of the host may have made it an array.
  if (typeof authorization !== 'string' || !bearer.test(authorization)) return tokenMissing(`The scheme of the Authorization header is not Bearer. ${howTo}`)

  const token = authorization.replace(bearer, '')
  if (hasFormat(token)) return token
  if (token.trim() === '') return tokenInvalid(`No token follows the scheme Bearer. ${howTo}`, notAToken)
  // Generating another token would invalidate a good one, and it would be pasted in the same way.
  return tokenInvalid(holdsToken(token)
    ? 'The Authorization header holds a SCIM token with something around or within it, such as quotes, blanks or a second "Bearer". Paste the token alone.'
    : malformed, notAToken)
}

function storeFailed (cause: unknown): ScimError {
  return new ScimError({
    statusCode: 503,
    code: 'SCIM_STORE_FAILED',
    message: 'The server is temporarily unable to verify the SCIM token. Try again later.',
    headers: { 'retry-after': retryAfter },
    cause
  })
}

/** Without a bearer token in the request, the challenge has no error code (RFC 6750, section 3.1). */
function tokenMissing (detail: string): ScimError {
  return unauthorized(detail, 'SCIM_TOKEN_MISSING', 'Bearer realm="SCIM"')
}

function tokenInvalid (detail: string, cause: object): ScimError {
  return unauthorized(detail, 'SCIM_TOKEN_INVALID', 'Bearer realm="SCIM", error="invalid_token"', cause)
}

function unauthorized (message: string, code: ScimErrorCode, challenge: string, cause?: object): ScimError {
  return new ScimError({ statusCode: 401, code, message, headers: { 'www-authenticate': challenge }, cause })
}
