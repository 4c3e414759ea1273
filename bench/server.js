// Runs one contestant in a process of its own: node server.js <module> <setup as JSON>
import { Profiles } from './profiles.js'

const [module, setup] = process.argv.slice(2)
const { start } = await import(module)
const profiles = new Profiles()

const answers = {
  cpuMicroseconds: () => { const { user, system } = process.cpuUsage(); return user + system },
  startCpuProfile: () => profiles.startCpu(),
  stopCpuProfile: () => profiles.stopCpu(),
  startHeapProfile: () => profiles.startHeap(),
  stopHeapProfile: () => profiles.stopHeap()
}

process.on('message', async (question) => { process.send({ answer: await answers[question]() }) })
process.on('disconnect', () => process.exit())
process.send(await start(JSON.parse(setup)))
