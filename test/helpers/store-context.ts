import Fastify, { type FastifyRequest } from 'fastify'
import type { ScimWriteContext } from '../../lib/index.ts'

/** Creates the context of a store call that is not given up, with a real Fastify request that has these headers. */
export async function createStoreContext<User extends object> (user: User, headers: Record<string, string> = {}): Promise<ScimWriteContext<User>> {
  const app = Fastify()
  const request = await new Promise<FastifyRequest>((resolve, reject) => {
    app.get('/', async (request) => { resolve(request) })
    app.inject({ url: '/', headers }).catch(reject)
  })
  return { request, user, signal: new AbortController().signal }
}
