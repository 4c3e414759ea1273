import { stopOnSignal } from '../host/stop.ts'
import { buildHost } from './app.ts'
import { readConfig } from './config.ts'

try {
  const config = readConfig(process.env)
  const app = await buildHost(config)
  stopOnSignal(app)

  const { host, port } = config
  const address = await app.listen({ host, port }).catch(async (error: NodeJS.ErrnoException) => {
    await app.close()
    throw new Error(`The host cannot listen on ${host}:${port} (${error.code}): set HOST or PORT to something else.`, { cause: error })
  })
  console.log(`Unleash with SCIM: ${address}`)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
