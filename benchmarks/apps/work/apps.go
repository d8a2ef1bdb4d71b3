package main

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
)

const depth = 64

type order struct {
	Number   int      `json:"number"`
	Customer string   `json:"customer"`
	Items    []string `json:"items"`
	Cents    int64    `json:"cents"`
}

type signed struct {
	order
	sum [sha256.Size]byte
}

func pipeline() {
	encoded, decoded, hashed := make(chan []byte, depth), make(chan order, depth), make(chan signed, depth)
	go func() {
		for number := 0; ; number++ {
			text, err := json.Marshal(order{number, fmt.Sprint("customer ", number%1000), []string{"tea", "milk"}, 1250})
			if err != nil {
				panic(err)
			}
			encoded <- text
		}
	}()
	go func() {
		for text := range encoded {
			var one order
			if err := json.Unmarshal(text, &one); err != nil {
				panic(err)
			}
			decoded <- one
		}
	}()
	go func() {
		for one := range decoded {
			hashed <- signed{one, sha256.Sum256(fmt.Append(nil, one))}
		}
	}()
	go func() {
		turnover := make(map[string]int64)
		for one := range hashed {
			turnover[one.Customer] += one.Cents
			through.Add(1)
		}
	}()
}

type reading struct {
	sensor int
	value  uint64
}

func fanIn() {
	readings := make(chan reading)
	for sensor := range 8 {
		go func() {
			var block [1024]byte
			for number := uint64(0); ; number++ {
				binary.LittleEndian.PutUint64(block[:], number)
				sum := sha256.Sum256(block[:])
				readings <- reading{sensor, binary.LittleEndian.Uint64(sum[:])}
			}
		}()
	}
	go func() {
		var sums [8]uint64
		for one := range readings {
			sums[one.sensor] += one.value
			through.Add(1)
		}
	}()
}

func pool() {
	jobs, sizes, stop := make(chan []byte), make(chan int, depth), make(chan struct{})
	go func() {
		for number := 0; ; number++ {
			jobs <- block(number)
		}
	}()
	for range 4 {
		go func() {
			var packed bytes.Buffer
			writer, err := flate.NewWriter(&packed, flate.BestSpeed)
			if err != nil {
				panic(err)
			}
			for {
				select {
				case job := <-jobs:
					packed.Reset()
					writer.Reset(&packed)
					if _, err := writer.Write(job); err != nil {
						panic(err)
					}
					if err := writer.Close(); err != nil {
						panic(err)
					}
					sizes <- packed.Len()
				case <-stop:
					return
				}
			}
		}()
	}
	go func() {
		var total int
		for size := range sizes {
			total += size
			through.Add(1)
		}
	}()
}

// block is text that can be made a third as long.
func block(number int) []byte {
	text := make([]byte, 0, 8192)
	for line := 0; len(text) < 8000; line++ {
		text = fmt.Appendf(text, "%d GET /orders/%d 200 %d\n", number, number*line%7919, line)
	}
	return text
}
