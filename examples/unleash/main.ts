import { listen } from '../host/listen.ts'
import { stopOnSignal } from '../host/stop.ts'
import { buildHost } from './app.ts'
import { readConfig } from './config.ts'

try {
  const config = readConfig(process.env)
  const app = await buildHost(config)
  stopOnSignal(app)
  console.log(`Unleash with SCIM: ${await listen(app, config)}`)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
