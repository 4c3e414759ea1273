import type { Socket } from 'node:net'
import { httpErrors } from '@fastify/sensible'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { callHost, hostFailed } from '../call-host.ts'
import type { Awaitable, ScimWriteContext } from '../contracts.ts'
import { adminState, storeContext } from './request-state.ts'

/** A call of a store method that writes. */
interface Write<T> {
  /** Name for the log, such as `scimTokenStore.replace`. */
  method: string
  /** Milliseconds; 0 for no limit. */
  timeout: number
  call: (context: ScimWriteContext<object>) => Awaitable<T>
}

/**
 * Calls a store method that writes, and returns what it returned.
 *
 * @throws an error with status 503 if the store throws or times out; 499 if the client has disconnected
 */
export async function writeToStore<T> (request: FastifyRequest, reply: FastifyReply, { method, timeout, call }: Write<T>): Promise<T> {
  const context = storeContext(request)
  const { socket } = request
  // The client could not read the response: a new token would be lost, and the old one invalid.
  if (socket.destroyed) throw httpErrors.createError(499, 'the client has disconnected', { code: 'SCIM_ADMIN_DISCONNECTED' })

  const state = adminState(request)
  const controller = new AbortController()
  Object.assign(state, { isStoreCalled: true, controller })
  const giveUp = () => { controller.abort() }
  reply.raw.once('close', giveUp)
  const pendingOnSocket = pendingWrites(socket).add(giveUp)

  return await callHost(timeout, () => call({ ...context, signal: controller.signal }))
    .catch((thrown) => {
      // Not only when the error is sent: that is after the host's onError hooks.
      giveUp()
      throw hostFailed(method, 503, thrown)
    })
    .finally(() => {
      state.controller = null
      reply.raw.removeListener('close', giveUp)
      pendingOnSocket.delete(giveUp)
    })
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
