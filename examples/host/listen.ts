import type { FastifyInstance } from 'fastify'

/**
 * Listens. If that fails, closes the app.
 *
 * @returns the origin of the server
 * @throws an error that says what to change
 */
export async function listen (app: FastifyInstance, { host, port }: { host: string, port: number }): Promise<string> {
  return await app.listen({ host, port }).catch(async (error: NodeJS.ErrnoException) => {
    await app.close()
    throw new Error(`The host cannot listen on ${host}:${port} (${error.code}): set HOST or PORT to something else.`, { cause: error })
  })
}
