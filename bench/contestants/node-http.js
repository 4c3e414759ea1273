import { createServer } from 'node:http'
import { generateToken, hashToken } from '../../dist/token.js'
import { createHost, generatePath, permissions } from './work.js'

/** The same work on Node.js's own HTTP server, without a framework. */
export async function start ({ promises }) {
  const { token, resolver, store } = await createHost({ promises })
  const server = createServer(async (request, response) => {
    if (request.method !== 'POST' || request.url !== generatePath) return response.writeHead(404).end()
    const user = await resolver.authenticate(request)
    if (user === null) return response.writeHead(401).end()
    if (!await resolver.authorize(user, permissions)) return response.writeHead(403).end()

    const token = generateToken()
    if (!await store.replace({ hash: hashToken(token), createdAt: new Date() }, { user })) return response.writeHead(404).end()
    const body = `{"token":"${token}"}`
    response.writeHead(200, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'content-length': body.length
    }).end(body)
  })
  return { server, token }
}
