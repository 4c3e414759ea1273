import type { Socket } from 'node:net'
import { httpErrors } from '@fastify/sensible'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { callHost, hostFailed } from '../call-host.ts'
import type { Awaitable, ScimWriteContext } from '../contracts.ts'
import { read } from '../thrown.ts'
import { adminState, storeContext } from './request-state.ts'

/** A call of a store method that writes. */
interface Write<T> {
  /** Name for the log, such as `scimTokenStore.replace`. */
  method: string
  /** Milliseconds; 0 for no limit. */
  timeout: number
  call: (context: ScimWriteContext<object>) => Awaitable<T>
  /** Called with what the store returned, unless an error response was sent meanwhile. Returns the response body. */
  respond: (result: T) => unknown
}

/**
 * Calls a store method that writes, and responds. After Fastify's `handlerTimeout` the handler still runs, and
 * must neither write nor respond.
 *
 * @throws an error with status 503 if the store throws or times out, or if the client has disconnected
 */
export async function writeToStore<T> (request: FastifyRequest, reply: FastifyReply, { method, timeout, call, respond }: Write<T>): Promise<unknown> {
  if (isErrorSent(request, reply)) return reply
  const context = storeContext(request)
  const { signal, socket } = request
  // The client could not read the response: a new token would be lost, and the old one invalid.
  if (socket.destroyed) throw httpErrors.serviceUnavailable('the client has disconnected')

  const state = adminState(request)
  const controller = new AbortController()
  Object.assign(state, { phase: 'store called', controller })
  const giveUp = () => { controller.abort() }
  const giveUpOnTimeout = () => { if (isTimedOut(request)) giveUp() }
  reply.raw.once('close', giveUp)
  const pendingOnSocket = pendingWrites(socket).add(giveUp)
  signal.addEventListener('abort', giveUpOnTimeout)

  let result: T
  try {
    result = await callHost(timeout, () => call({ ...context, signal: controller.signal }))
  } catch (thrown) {
    // Not only when the error is sent: that is after the host's onError hooks.
    giveUp()
    if (isErrorSent(request, reply)) return reply
    throw hostFailed(method, 503, thrown)
  } finally {
    state.controller = null
    reply.raw.removeListener('close', giveUp)
    pendingOnSocket.delete(giveUp)
    signal.removeEventListener('abort', giveUpOnTimeout)
  }
  return isErrorSent(request, reply) ? reply : respond(result)
}

/** Whether the response was sent, or an error response is about to be after hooks of the host. */
function isErrorSent (request: FastifyRequest, reply: FastifyReply): boolean {
  return reply.sent || adminState(request).phase === 'error sent' || isTimedOut(request)
}

/** Whether Fastify's `handlerTimeout` has expired. It aborts this signal before it runs onError hooks. */
function isTimedOut ({ signal }: FastifyRequest): boolean {
  return read(signal.reason, 'code') === 'FST_ERR_HANDLER_TIMEOUT'
}

const pending = new WeakMap<Socket, Set<() => void>>()

/** Returns what to call when the socket closes. Of a pipelined request, no other event tells that the client has disconnected. */
function pendingWrites (socket: Socket): Set<() => void> {
  const known = pending.get(socket)
  if (known !== undefined) return known
  const writes = new Set<() => void>()
  pending.set(socket, writes)
  // One listener for all of them: Node.js warns of more than ten.
  socket.once('close', () => { for (const giveUp of writes) giveUp() })
  return writes
}
