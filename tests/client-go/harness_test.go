//go:debug randseednop=0

package harness

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

var (
	in  = flag.String("schedules", "", "schedules, one JSON object a line: each itself, or as the `schedule` of a recording")
	out = flag.String("recordings", "", "where the recordings go; if not given, they are counted and thrown away")
)

// TestRecord runs every schedule of a file.
func TestRecord(t *testing.T) {
	if *in == "" {
		t.Skip("no -schedules")
	}
	if clientGo == "" {
		t.Fatal("which client-go this is was not said: see version.go")
	}
	klog.SetLogger(logr.Discard())
	input, err := os.Open(*in)
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	encode := func(Recording) error { return nil }
	if *out != "" {
		output, err := os.Create(*out)
		if err != nil {
			t.Fatal(err)
		}
		writer := bufio.NewWriter(output)
		defer func() {
			if err := errors.Join(writer.Flush(), output.Close()); err != nil {
				t.Fatal(err)
			}
		}()
		encode = func(recording Recording) error { return json.NewEncoder(writer).Encode(recording) }
	}
	terms, runs, took := 0, 0, time.Duration(0)
	decoder := json.NewDecoder(input)
	for n := 1; ; n++ {
		var line struct {
			Schedule *json.RawMessage `json:"schedule"`
		}
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &line); err != nil {
			t.Fatal(err)
		}
		if line.Schedule != nil {
			raw = *line.Schedule
		}
		var schedule Schedule
		if err := json.Unmarshal(raw, &schedule); err != nil {
			t.Fatalf("schedule %d: %v", n, err)
		}
		began := time.Now()
		recording, err := Run(t, schedule)
		took += time.Since(began)
		if err != nil {
			t.Fatalf("schedule %d, %s: %v", n, schedule.Name, err)
		}
		if err := encode(recording); err != nil {
			t.Fatal(err)
		}
		runs++
		for _, event := range recording.Events {
			if event.Kind == "started_leading" {
				terms++
			}
		}
	}
	// For whoever measures: only the runs themselves.
	fmt.Printf("runs=%d terms=%d ns=%d\n", runs, terms, took.Nanoseconds())
}
