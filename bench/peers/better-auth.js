import { createServer } from 'node:http'
import { scim } from '@better-auth/scim'
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { toNodeHandler } from 'better-auth/node'
import Fastify from 'fastify'
import { generatePath, permissions, resolver, serverOf, tokenReply } from '../contestants/work.js'

const secret = 'for a benchmark on the loopback interface only'
const policy = { actorId: 'admin', scopes: ['scim.users.read'], expiresAt: new Date(Date.now() + 86_400_000) }

/** Rotation of a managed credential behind a Fastify route, or the SCIM routes on Node's own server. */
export async function start ({ job }) {
  const database = {}
  const auth = betterAuth({
    secret,
    baseURL: 'http://127.0.0.1',
    database: memoryAdapter(database),
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { disabled: true },
    plugins: [scim({ connections: [], managedConnections: { credentialHashSecret: secret } })]
  })
  for (const model of Object.keys((await auth.$context).tables)) database[model] ??= []

  const { connection, token } = await auth.api.createSCIMManagedConnection({
    body: { ...policy, creationRequestId: 'benchmark-creation', provisioningDomainId: 'benchmark' }
  })
  if (job === 'verify') return { server: createServer(toNodeHandler(auth)), token }

  // Of concurrent rotations of one connection all but one get a 409, so they wait in line.
  let rotation = Promise.resolve()
  const rotate = async () => {
    // It keeps every credential and five may be active: emptied tables let each rotation be a first one.
    database.scimManagedCredential.length = 0
    database.scimManagedConnectionEvent.length = 0
    return await auth.api.rotateSCIMManagedCredential({
      body: { ...policy, connectionId: connection.connectionId, provisioningDomainId: 'benchmark' }
    })
  }

  const app = Fastify()
  app.post(generatePath, { schema: { response: tokenReply } }, async (request, reply) => {
    const user = resolver.authenticate(request)
    if (user === null) return reply.code(401).send({ token: '' })
    if (!resolver.authorize(user, permissions)) return reply.code(403).send({ token: '' })
    const { token } = await (rotation = rotation.then(rotate))
    reply.header('cache-control', 'no-store')
    return { token }
  })
  return { server: await serverOf(app), token }
}
