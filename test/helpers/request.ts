import Fastify, { type FastifyRequest } from 'fastify'

/** A real request of Fastify's, for stores that look at none of it. */
export async function makeRequest (): Promise<FastifyRequest> {
  const app = Fastify()
  return await new Promise((resolve, reject) => {
    app.get('/', async (request) => { resolve(request) })
    app.inject('/').catch(reject)
  })
}
