// Command pipe carries records from one topic to another, each with its offset in the same transaction.
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const most = 1000

func open() (*kgo.GroupTransactSession, error) {
	client := os.Getenv("CLIENT")
	return kgo.NewGroupTransactSession(
		kgo.SeedBrokers(strings.Split(os.Getenv("BROKERS"), ",")...),
		kgo.ClientID(client),
		kgo.ConsumerGroup(os.Getenv("GROUP")),
		kgo.ConsumeTopics(os.Getenv("IN")),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.SessionTimeout(6*time.Second),
		kgo.HeartbeatInterval(2*time.Second),
		// The same id after a restart: so the transaction that was open then is aborted now.
		kgo.TransactionalID(client),
		kgo.TransactionTimeout(10*time.Second),
		kgo.DefaultProduceTopic(os.Getenv("OUT")),
	)
}

// carry fills a transaction for as long as an interval, and ends it. A rebalance in between aborts it: then the
// session reads again what was read.
func carry(ctx context.Context, session *kgo.GroupTransactSession, interval time.Duration) error {
	until, cancel := context.WithTimeout(ctx, interval)
	defer cancel()
	begun, promised := false, kgo.AbortingFirstErrPromise(session.Client())
	for until.Err() == nil {
		fetches := session.PollRecords(until, most)
		for _, failed := range fetches.Errors() {
			if !errors.Is(failed.Err, context.DeadlineExceeded) && !errors.Is(failed.Err, context.Canceled) {
				log.Printf("partition %d cannot be read now: %v", failed.Partition, failed.Err)
			}
		}
		if fetches.NumRecords() == 0 {
			continue
		}
		if !begun {
			if err := session.Begin(); err != nil {
				return err
			}
			begun = true
		}
		fetches.EachRecord(func(read *kgo.Record) {
			written := &kgo.Record{Key: read.Key, Value: read.Value}
			session.Produce(context.Background(), written, promised.Promise())
		})
	}
	if !begun {
		return nil
	}
	// Waits until all is written, or something is not.
	unwritten := promised.Err()
	committed, err := session.End(context.Background(), kgo.TransactionEndTry(unwritten == nil))
	if err == nil && !committed {
		log.Printf("starting over from the last commit: %v", unwritten)
	}
	return err
}

func main() {
	interval, err := strconv.Atoi(os.Getenv("INTERVAL_MS"))
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	session, err := open()
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	for ctx.Err() == nil {
		if err := carry(ctx, session, time.Duration(interval)*time.Millisecond); err != nil {
			log.Fatal(err)
		}
	}
}
