// bull-board over some of BullMQ's queues: node board.js REDIS_PORT PORT QUEUE...

const { createBullBoard } = require("@bull-board/api");
const { BullMQAdapter } = require("@bull-board/api/bullMQAdapter");
const { ExpressAdapter } = require("@bull-board/express");
const { Queue } = require("bullmq");
const express = require("express");

const HOST = "127.0.0.1";
const [port, own, ...names] = process.argv.slice(2);
const connection = { host: HOST, port: Number(port) };
const serverAdapter = new ExpressAdapter();
const queues = names.map((name) => new BullMQAdapter(new Queue(name, { connection })));
createBullBoard({ queues, serverAdapter });
express().use("/", serverAdapter.getRouter()).listen(Number(own), HOST);
